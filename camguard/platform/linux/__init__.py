"""Linux: /proc, udev, fanotify, inotify, tracefs, pidfds."""
