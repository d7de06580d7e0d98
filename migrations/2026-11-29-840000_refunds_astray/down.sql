DROP INDEX refunds_undetermined;
DROP TABLE refunds_astray;
