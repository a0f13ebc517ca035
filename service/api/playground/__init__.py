"""The page `/`: the playground, as it was built from `service/playground`."""
