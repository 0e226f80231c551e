-- Money is integer minor units (cents) of the shop's one currency.
-- Ids are UUIDv7 made by the application; users have integers, as the classic API promises.

CREATE TABLE shop (
  id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  shop_id uuid NOT NULL, -- tells the shops on one Redis apart
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$')
);

-- accounts ------------------------------------------------------------------------------------

CREATE TABLE users (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),
  password_hash text NOT NULL,
  role text NOT NULL CHECK (role IN ('buyer', 'seller', 'operator')),
  -- the word the client registered with: creator, viewer, admin, customer
  user_type text NOT NULL,
  name text CHECK (length(name) <= 150),
  username text CHECK (length(username) <= 150),
  phone_number text CHECK (length(phone_number) <= 15),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  user_id integer NOT NULL REFERENCES users,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX sessions_revoked_at ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- single-use tickets that open a socket; only their SHA-256 is kept
CREATE TABLE socket_tickets (
  ticket_hash bytea PRIMARY KEY,
  session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
  expires_at timestamptz NOT NULL
);
CREATE INDEX socket_tickets_expires_at ON socket_tickets (expires_at);
CREATE INDEX socket_tickets_session ON socket_tickets (session_id);

-- catalog -------------------------------------------------------------------------------------

CREATE TABLE categories (
  id uuid PRIMARY KEY,
  seller_id integer NOT NULL REFERENCES users,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  description text NOT NULL CHECK (length(description) <= 5000),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  archived_at timestamptz
);

CREATE TABLE products (
  id uuid PRIMARY KEY,
  seller_id integer NOT NULL REFERENCES users,
  category_id uuid NOT NULL REFERENCES categories,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  description text NOT NULL CHECK (length(description) <= 5000),
  price_minor bigint NOT NULL CHECK (price_minor BETWEEN 0 AND 9999999999999),
  stock integer NOT NULL DEFAULT 0 CHECK (stock >= 0),
  -- counts every change of the row: a cached copy with another revision is out of date
  revision integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  archived_at timestamptz
) WITH (fillfactor = 50); -- room for HOT updates: stock changes with every order
CREATE INDEX products_listed ON products (created_at, id) WHERE archived_at IS NULL;
CREATE INDEX products_by_category ON products (category_id, created_at, id)
  WHERE archived_at IS NULL;
CREATE INDEX products_by_price ON products (price_minor, created_at, id)
  WHERE archived_at IS NULL;

-- Cached lists are keyed by these counters, so raising one retires every list made before.
CREATE TABLE catalog_state (
  id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
  lists bigint NOT NULL DEFAULT 1,        -- a product was added, edited or removed
  availability bigint NOT NULL DEFAULT 1, -- a stock reached zero or left it
  categories bigint NOT NULL DEFAULT 1    -- a category was added, edited or removed
);
INSERT INTO catalog_state DEFAULT VALUES;

-- inventory -----------------------------------------------------------------------------------

-- Every change of stock that is not a sale. Sales are the order lines themselves:
-- stock = sum(quantity) here − sum(quantity) of the product's order lines, always.
CREATE TABLE stock_movements (
  id uuid PRIMARY KEY,
  product_id uuid NOT NULL REFERENCES products,
  kind text NOT NULL CHECK (kind IN ('initial', 'set', 'restock')),
  quantity integer NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stock_movements_product ON stock_movements (product_id);

-- cart ----------------------------------------------------------------------------------------

CREATE TABLE cart_lines (
  buyer_id integer NOT NULL REFERENCES users,
  product_id uuid NOT NULL REFERENCES products,
  quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 10000),
  added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (buyer_id, product_id)
);
CREATE INDEX cart_lines_product ON cart_lines (product_id);

-- orders --------------------------------------------------------------------------------------

CREATE TABLE orders (
  id uuid PRIMARY KEY,
  checkout_id uuid NOT NULL,
  buyer_id integer NOT NULL REFERENCES users,
  seller_id integer NOT NULL REFERENCES users,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'shipped', 'delivered')),
  -- 15 digits: what a JSON number holds exactly
  total_minor bigint NOT NULL CHECK (total_minor BETWEEN 0 AND 999999999999999),
  created_at timestamptz NOT NULL DEFAULT now(),
  shipped_at timestamptz,
  delivered_at timestamptz,
  CHECK ((shipped_at IS NULL) = (status = 'pending')),
  CHECK ((delivered_at IS NULL) = (status <> 'delivered'))
);
CREATE INDEX orders_of_buyer ON orders (buyer_id, created_at DESC, id DESC);

CREATE TABLE order_lines (
  order_id uuid NOT NULL REFERENCES orders,
  line_number smallint NOT NULL,
  product_id uuid NOT NULL REFERENCES products,
  product_name text NOT NULL,
  unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
  quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
  PRIMARY KEY (order_id, line_number)
);

-- The outcome of each keyed request, written in the transaction of its effect, kept for ever.
CREATE TABLE idempotency_keys (
  user_id integer NOT NULL REFERENCES users,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL,
  outcome text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, key)
);

-- notifications -------------------------------------------------------------------------------

-- One counter row a user; the next offset is taken in the transaction that causes the event,
-- so offsets have no gaps and are in commit order.
CREATE TABLE streams (
  user_id integer PRIMARY KEY REFERENCES users,
  last_offset bigint NOT NULL DEFAULT 0 CHECK (last_offset >= 0)
) WITH (fillfactor = 50);

CREATE TABLE notifications (
  user_id integer NOT NULL REFERENCES streams,
  stream_offset bigint NOT NULL CHECK (stream_offset > 0),
  id uuid NOT NULL,
  type text NOT NULL CHECK (type IN ('order.placed', 'order.status_updated')),
  order_id uuid NOT NULL REFERENCES orders,
  status text NOT NULL,
  message text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, stream_offset)
);
