-- Every order is counted in the commit that places it. What was placed before 004 is counted here,
-- once for all, so nothing need say any more up to where the count is true.
LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE; -- in the order of those who place them
LOCK TABLE streams IN ACCESS EXCLUSIVE MODE;
UPDATE streams s SET
  orders_placed = (SELECT count(*) FROM orders o WHERE o.buyer_id = s.user_id)
WHERE orders_counted_to <> last_offset;
ALTER TABLE streams DROP COLUMN orders_counted_to;
