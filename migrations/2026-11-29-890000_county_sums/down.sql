DROP TABLE county_sums;
