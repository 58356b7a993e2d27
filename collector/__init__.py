"""From a list of players to clips and poses of the player: sources, fetch, shots, people, clips, poses."""
