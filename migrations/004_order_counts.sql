-- How many orders each user placed, counted with the events of their stream: true as long as
-- orders_counted_to is the last offset. It is not for who ordered before this migration, or from a
-- node of an older version: those orders are counted once more, and kept with the next event.
ALTER TABLE streams
  ADD COLUMN orders_placed bigint NOT NULL DEFAULT 0 CHECK (orders_placed >= 0),
  ADD COLUMN orders_counted_to bigint NOT NULL DEFAULT 0;
