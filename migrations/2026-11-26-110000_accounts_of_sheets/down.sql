ALTER TABLE escrow_accounts NO FORCE ROW LEVEL SECURITY;
UPDATE escrow_accounts SET agreement_no = coalesce(agreement_no, ''), payee_account = coalesce(payee_account, account_no)
 WHERE agreement_no IS NULL OR payee_account IS NULL;
ALTER TABLE escrow_accounts FORCE ROW LEVEL SECURITY;
ALTER TABLE escrow_accounts ALTER COLUMN agreement_no SET NOT NULL, ALTER COLUMN payee_account SET NOT NULL;
