"""The ground floor: classes, tables, the workspace they live in, the ledger, splits, checks and releases."""
