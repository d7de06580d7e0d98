DROP TABLE published_coverage;
