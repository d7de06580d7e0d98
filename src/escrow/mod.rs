//! Prepaid-fund escrow (预收费资金监管): statements in, balances kept, warnings out.
