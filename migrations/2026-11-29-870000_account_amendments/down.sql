DROP TABLE account_amendments;
