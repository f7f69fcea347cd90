"""camguard on a person's desktop: its icon, menu and alerts."""
