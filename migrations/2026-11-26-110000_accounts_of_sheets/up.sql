-- A register's sheet names an account without its agreement and without where releases go. Such an account stood there as
-- if it paid out to itself; now the two are unknown until somebody files them.
ALTER TABLE escrow_accounts ALTER COLUMN agreement_no DROP NOT NULL, ALTER COLUMN payee_account DROP NOT NULL;
-- The owner is bound by row-level security as everybody is and has no scope here.
ALTER TABLE escrow_accounts NO FORCE ROW LEVEL SECURITY;
UPDATE escrow_accounts SET agreement_no = nullif(agreement_no, ''), payee_account = nullif(payee_account, account_no)
 WHERE agreement_no = '' OR payee_account = account_no;
ALTER TABLE escrow_accounts FORCE ROW LEVEL SECURITY;
