"""ELF, Mach-O and PE: read what binaries say, decide where they may go, rewrite what must change."""
