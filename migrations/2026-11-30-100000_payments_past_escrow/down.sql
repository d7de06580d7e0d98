DROP INDEX payments_past_escrow;
