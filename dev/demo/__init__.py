"""``script/demo``: forty orders from a spreadsheet to paid and reminded invoices."""
