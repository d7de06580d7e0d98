-- A refund goes back to where the money came from, and whoever asked for it does not approve it (REFUND-ROUTE).
-- The post and the person that asked: a person may hold several posts. Null for what was asked before this was kept.
ALTER TABLE refunds ADD COLUMN asked_by bigint;
ALTER TABLE refunds ADD COLUMN asked_person bigint;
-- The post that approved it.
ALTER TABLE refunds ADD COLUMN approved_by bigint;
-- Keyed hash of the account that the guardian named, where it does not go back to where it came from.
ALTER TABLE refunds ADD COLUMN elsewhere_index bytea;
-- Where the bank's entry says it went; null before it is paid.
ALTER TABLE refunds ADD COLUMN route text CHECK (route IN ('original', 'elsewhere', 'undetermined'));
GRANT UPDATE (route) ON refunds TO mingjian_ingest;
