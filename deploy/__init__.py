"""How Mooring is deployed: the embedded platform of a checkout, and what production needs."""
