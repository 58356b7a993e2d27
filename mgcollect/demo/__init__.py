"""The demo: the whole main job on real talking people, with nothing to configure and no account."""
