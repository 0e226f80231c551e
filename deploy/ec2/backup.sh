#!/usr/bin/env bash
# Dumps the database to /var/backups/souk, keeps the newest 14 dumps, and copies the new one to
# SOUK_BACKUP_S3 of .env when that is set. Run as root; souk-backup.timer does so every night.
set -euo pipefail
umask 077
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

folder=/var/backups/souk
keep=14

mkdir -p "$folder"
exec 9>"$folder/.lock"
flock --nonblock 9 || {
  echo "Another backup is running." >&2
  exit 1
}

name="souk-$(date -u +%Y%m%dT%H%M%SZ).dump"
part="$folder/.part"
trap 'rm -f "$part"' EXIT

docker compose exec -T postgres pg_dump --username=souk --format=custom souk >"$part"
# A dump that ends early has no readable table of contents.
docker compose exec -T postgres pg_restore --list <"$part" >/dev/null
mv "$part" "$folder/$name"
echo "Wrote $folder/$name ($(stat --format=%s "$folder/$name") bytes)"

# Only now, so that failing backups never push out good ones. The names sort by time.
find "$folder" -maxdepth 1 -name 'souk-*.dump' | sort --reverse | tail -n "+$((keep + 1))" |
  xargs --no-run-if-empty rm -f --

destination="$(sed -n 's/^SOUK_BACKUP_S3=//p' .env)"
if [[ -n $destination ]]; then
  /snap/bin/aws s3 cp --only-show-errors "$folder/$name" "${destination%/}/$name"
  echo "Copied to ${destination%/}/$name"
fi
