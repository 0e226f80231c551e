#!/usr/bin/env bash
# Brings Souk up on this machine: secrets, containers, nightly backup. Run as root. Safe to run
# again: an .env that is there is kept.
#   SOUK_DOMAIN=shop.example.com [SOUK_BACKUP_S3=s3://bucket/prefix] /opt/souk/deploy/ec2/setup.sh
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

die() {
  echo "$*" >&2
  exit 1
}

[[ $EUID -eq 0 ]] || die "Run it as root."
# The units of systemd name this folder.
[[ $PWD == /opt/souk ]] || die "Souk must be in /opt/souk, not in $PWD."

if [[ ! -e .env ]]; then
  [[ -n ${SOUK_DOMAIN:-} ]] || die "Set SOUK_DOMAIN to the public name of the shop."
  # New secrets do not open an old database.
  if docker volume inspect souk_postgres_data >/dev/null 2>&1; then
    die "The database of an earlier .env is there. Put that .env back: deploy/ec2/README.md."
  fi
  (
    umask 077
    cat >.env.part <<SETTINGS
# Read by docker compose. Root only: it holds the secrets of this shop.
COMPOSE_FILE=compose.yaml:deploy/ec2/compose.ec2.yaml
SOUK_DOMAIN=${SOUK_DOMAIN}
SOUK_BACKUP_S3=${SOUK_BACKUP_S3:-}
JWT_SECRET=$(openssl rand -hex 48)
POSTGRES_PASSWORD=$(openssl rand -hex 24)
SETTINGS
  )
  mv .env.part .env
fi

docker compose up --detach --build --wait --wait-timeout 600

install -m 0644 deploy/ec2/souk-backup.service deploy/ec2/souk-backup.timer /etc/systemd/system/
systemctl daemon-reload
systemctl enable --now souk-backup.timer

# Ubuntu 24.04 has the AWS command line as a snap only.
if grep -q '^SOUK_BACKUP_S3=.' .env && [[ ! -x /snap/bin/aws ]]; then
  snap install aws-cli --classic
fi

echo "Souk runs at https://$(sed -n 's/^SOUK_DOMAIN=//p' .env)"
