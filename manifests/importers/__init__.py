"""Other people's formats, into a release and out of one. One file a format, both ways in it.

| format          | in | out | what it holds                                                              |
|-----------------|----|-----|----------------------------------------------------------------------------|
| imigue          | ✓  | ✓   | iMiGUE and the MiGA challenge: gestures, OpenPose poses, subjects, outcome |
| smg             | ✓  | ✓   | SMG: gestures of 17 classes, Kinect poses in metres                        |
| pyskl           | ✓  | ✓   | pickles of pyskl and MMAction2: one gesture an annotation, poses, splits   |
| openpose        | ✓  | ✓   | a JSON file a frame                                                        |
| mmpose          | ✓  | ✓   | a JSON file a video, as MMPose's inferencer and demos write it             |
| coco_wholebody  | ✓  | ✓   | one annotation file, as COCO and COCO-WholeBody have it                    |
| elan            | ✓  | ✓   | annotations on tiers, in milliseconds                                      |

`recording.py` says what a format is read into and written from; `convert.py` turns that into a release (by `rows.py`) and back.
"""
