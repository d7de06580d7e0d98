DROP TABLE statement_faults;
