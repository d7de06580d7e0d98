-- Loans in the bank's entries and in the ledger go by one limit. Where a bureau had set that of the ledger alone, it stays.
UPDATE policy_values v SET parameter = 'escrow.loan.red_families'
WHERE v.parameter = 'oversight.loan.red_families' AND NOT EXISTS (
    SELECT FROM policy_values o WHERE o.tenant_id = v.tenant_id AND o.parameter = 'escrow.loan.red_families');
