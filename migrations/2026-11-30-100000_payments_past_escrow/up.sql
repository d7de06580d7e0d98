-- Fees that went past the escrow account and were not moved in, the latest first, as officials look at them.
CREATE INDEX payments_past_escrow ON payments (tenant_id, institution_id, paid_at DESC, id DESC)
    WHERE entry_ref IS NULL AND (payee_index IS NOT NULL OR payee_is_person);
