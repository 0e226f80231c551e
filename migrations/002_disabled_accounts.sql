-- An account that is disabled cannot log in; its sessions were ended when it was.
ALTER TABLE users ADD COLUMN disabled_at timestamptz;

-- Why a session ended before its time.
ALTER TABLE sessions ADD COLUMN revoked_for text
  CHECK (revoked_for IN ('logout', 'password', 'disabled', 'role'));
CREATE INDEX sessions_live_of_user ON sessions (user_id) WHERE revoked_at IS NULL;

-- Who was put out, let in again or given another role, when, why and by whom; kept for ever, as
-- sessions are not.
CREATE TABLE account_changes (
  id uuid PRIMARY KEY,
  user_id integer NOT NULL REFERENCES users,
  kind text NOT NULL CHECK (kind IN ('disabled', 'enabled', 'role')),
  role text CHECK (role IN ('buyer', 'seller', 'operator')),
  reason text CHECK (length(reason) BETWEEN 1 AND 500),
  made_by text NOT NULL,
  sessions_ended integer NOT NULL CHECK (sessions_ended >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((role IS NULL) = (kind <> 'role'))
);
CREATE INDEX account_changes_of_user ON account_changes (user_id, created_at);
