"""What runs a frozen body: one interface, one file each."""
