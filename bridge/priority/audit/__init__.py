"""What is wrong with the priorities of a project as it is: rules DC01 to DC26 over its files, locks and sources."""
