REVOKE UPDATE (route) ON refunds FROM mingjian_ingest;
ALTER TABLE refunds DROP COLUMN route;
ALTER TABLE refunds DROP COLUMN elsewhere_index;
ALTER TABLE refunds DROP COLUMN approved_by;
ALTER TABLE refunds DROP COLUMN asked_person;
ALTER TABLE refunds DROP COLUMN asked_by;
