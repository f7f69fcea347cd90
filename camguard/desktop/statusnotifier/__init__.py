"""An icon with a menu over D-Bus alone: a pystray backend that needs neither GTK nor X.

Panels show it by StatusNotifierItem, the specification of KDE and freedesktop.org, and its menu by
``com.canonical.dbusmenu``. KDE, XFCE, LXQt, Cinnamon, MATE and waybar do so by themselves, GNOME with the extension
AppIndicator. `backend.Icon` is what the rest of camguard uses.
"""
