-- Of what the published share is one: in custody of what families have prepaid, of a risk deposit of the fees of three months.
ALTER TABLE published_coverage ADD COLUMN mode text NOT NULL DEFAULT 'custody' CHECK (mode IN ('custody', 'risk_deposit'));
