"""What to do if somebody threatens a person with pictures: plain words, and where to report it, country by country.

`texts` has the words, `places` who takes reports (from ``places.toml``), `language` and `country` what this person
probably wants. `terminal` and `page` show it. Nothing here asks the guard, the log or the network, or tells them.
"""
