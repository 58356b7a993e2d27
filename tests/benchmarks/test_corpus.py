import numpy as np
import pytest

from benchmarks.corpus import FEW_PEOPLE, Corpus, folds_of_people
from manifests.errors import BadInput
from manifests.splits import CROSS_SUBJECT, parts_of


def test_samples_are_the_gestures_frames_and_hide_the_class(make_release):
    corpus = Corpus(make_release(2))
    row, sample = corpus.gestures[0], corpus.samples[0]
    whole = corpus.release.poses(row["clip_id"]).keypoints
    assert np.array_equal(sample.poses.keypoints, whole[row["start"] : row["end"]])
    assert (sample.fps, sample.poses.skeleton, sample.player_id) == (25, "coco17", row["player_id"])
    assert sample.poses.first_frame == row["start"]
    assert not hasattr(sample, "label")
    assert [s.gesture_id for s in corpus.samples] == [g["gesture_id"] for g in corpus.gestures]


def test_few_people_are_left_out_one_by_one(make_release):
    corpus = Corpus(make_release(3))
    protocol = corpus.protocol()
    assert protocol.name == "leave one person out, 3 people"
    folds = protocol.folds(corpus.people)
    assert np.concatenate([fold.test for fold in folds]).tolist() == list(range(len(corpus.gestures)))
    for fold in folds:
        assert {corpus.people[i] for i in fold.train}.isdisjoint({corpus.people[i] for i in fold.test})


def test_many_people_are_divided_as_the_release_says(make_release):
    release = make_release(FEW_PEOPLE + 1, each=1)
    corpus = Corpus(release)
    (fold,) = corpus.protocol().folds(corpus.people)
    said = parts_of(release.table("splits"), CROSS_SUBJECT)
    assert [said[corpus.gestures[i]["gesture_id"]] for i in fold.test] == ["test"] * len(fold.test)
    assert len(fold.train) + len(fold.test) == len(corpus.gestures)
    assert corpus.protocol() == corpus.split()


def test_a_named_protocol_is_scored_however_few_its_people(make_release):
    release = make_release(3)
    (fold,) = Corpus(release, CROSS_SUBJECT).protocol().folds(Corpus(release).people)
    said = parts_of(release.table("splits"), CROSS_SUBJECT)
    assert {said[Corpus(release).gestures[i]["gesture_id"]] for i in fold.test} == {"test"}
    with pytest.raises(BadInput, match=r"--protocol given: .*no split of that name.*There: cross_subject, retrieval"):
        Corpus(release, "given")


def test_gestures_of_nobody_knows_whom_stand_for_themselves(make_release):
    """Such a set has only the split that it came with; how many labels are kept is drawn as for any other."""

    def anonymous(rows):
        return [row | {"player_id": "unknown"} for row in rows]

    def given(_):
        return [
            {
                "protocol": "given",
                "draw": 0,
                "unit": "gesture",
                "item_id": f"P000{p}-v0-clip-{i}",
                "player_id": "unknown",
            }
            | {"part": "train" if i % 4 else "test", "labelled": []}
            for p in range(2)
            for i in range(40)
        ]

    change = dict.fromkeys(("gestures", "clips", "videos"), anonymous) | {"splits": given}
    release = make_release(2, each=20, change=change)
    assert Corpus(release).protocol() is None
    corpus = Corpus(release, "given")
    assert corpus.protocol().name == "the release's given split, 60 gestures to learn from and 20 to test on"
    (fold,) = corpus.protocol().folds(corpus.people)
    assert (len(fold.train), len(fold.test), len(set(corpus.people))) == (60, 20, 80)
    assert "Nobody knows whose 80 of the gestures are" in corpus.notes[0]
    # 20 % of each class: in train are 30 of one and 30 of the other, as no multiple of four is of the second class.
    assert sorted(np.bincount(corpus.labels[corpus.labelled(0, 0.2)])[np.unique(corpus.labels)]) == [4, 8]


def test_ten_folds_test_everyone_once():
    people = [f"P{i}" for i in range(23)]
    protocol = folds_of_people(people)
    assert sorted(person for fold in protocol.test_people for person in fold) == sorted(people)
    assert len(protocol.test_people) == 10
    assert all(a.isdisjoint(b) for a, b in zip(protocol.train_people, protocol.test_people, strict=True))


def test_a_leaking_split_is_refused(make_release):
    def leak(_):
        ids = [f"P000{p}-v0-clip-{i}" for p in range(2) for i in range(2)]
        return [
            {"protocol": "cross_subject", "draw": 0, "unit": "gesture", "item_id": item, "player_id": item[:5]}
            | {"part": part, "labelled": []}
            for item, part in zip(ids, ("train", "test", "train", "train"), strict=True)
        ]

    with pytest.raises(BadInput, match="P0000 stands both in train and in test"):
        Corpus(make_release(2, change={"splits": leak}))


@pytest.mark.parametrize(
    ("protocol", "unit", "suffix", "parts"),
    [
        ("retrieval", "gesture", "-v0-clip-0", ("gallery", "query")),
        ("emotion", "video", "-v0", ("train", "test")),
        ("spotting", "clip", "-v0-clip", ("train", "test")),
    ],
)
def test_a_leak_in_one_tasks_split_is_refused(make_release, protocol, unit, suffix, parts):
    def leak(_):
        # The items are of two people; the split says so of neither, but they are P0000's.
        return [
            {"protocol": protocol, "draw": 0, "unit": unit, "item_id": f"P0000{suffix}", "player_id": "A"}
            | {"part": parts[0], "labelled": []},
            {"protocol": protocol, "draw": 0, "unit": unit, "item_id": f"P0000{suffix.replace('0', '1', 1)}"}
            | {"player_id": "B", "part": parts[1], "labelled": []},
        ]

    with pytest.raises(BadInput, match=f"protocol {protocol}: P0000 stands both in train and in test"):
        Corpus(make_release(2, videos=2, change={"splits": leak}))


def test_a_split_that_gives_one_person_two_names_is_refused(make_release):
    def disguise(_):
        return [
            {"protocol": "cross_subject", "draw": 0, "unit": "gesture", "item_id": f"P0000-v0-clip-{i}"}
            | {"player_id": name, "part": part, "labelled": []}
            for i, (name, part) in enumerate((("A", "train"), ("B", "test")))
        ]

    with pytest.raises(BadInput, match="P0000 stands both in train and in test"):
        Corpus(make_release(2, change={"splits": disguise}))


def test_validation_people_count_as_train(make_release):
    def parts(_):
        return [
            {"protocol": "cross_subject", "draw": 0, "unit": "gesture", "item_id": f"P{p:04d}-v0-clip-0"}
            | {"player_id": f"P{p:04d}", "part": part, "labelled": []}
            for p, part in enumerate(("train", "val", "test"))
        ]

    split = Corpus(make_release(3, change={"splits": parts})).split()
    assert split.train_people == (frozenset({"P0000", "P0001"}),)
    assert split.test_people == (frozenset({"P0002"}),)


def test_gestures_without_poses_are_left_out_and_told(make_release):
    release = make_release(2, without_poses=("P0000-v0-clip",))
    corpus = Corpus(release)
    assert set(corpus.people) == {"P0001"}
    assert len(corpus.all_gestures) == 12
    assert any("6 of 12 gestures have no poses" in note for note in corpus.notes)


def test_scripted_annotators_are_named(make_release):
    def script(rows):
        return [row | {"annotator_id": "scripted_1"} for row in rows]

    corpus = Corpus(make_release(2, note="Made for a test.", change={"annotations": script}))
    assert corpus.notes[0] == "Made for a test."
    assert corpus.notes[1].startswith("The annotators are scripted (scripted_1)")
    assert not any("scripted" in note for note in Corpus(make_release(2, name="other")).notes)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"label": "waving"}, "gesture P0000-v0-clip-0: 'waving' is none of the 32 classes"),
        ({"end": 10_000}, "gesture P0000-v0-clip-0: frames 20 to 10000 are not in clip P0000-v0-clip"),
        ({"clip_id": "gone"}, "are not in clip gone"),
    ],
)
def test_a_broken_gesture_is_named(make_release, wrong, message):
    release = make_release(2, change={"gestures": lambda rows: [rows[0] | wrong, *rows[1:]]})
    with pytest.raises(BadInput, match=message):
        Corpus(release)


def test_videos_won_or_lost(make_release):
    corpus = Corpus(make_release(2, videos=3, outcomes=("win", "lose", "unknown")))
    videos, won = corpus.videos_won_or_lost()
    assert [video.video_id for video in videos] == ["P0000-v0", "P0000-v1", "P0001-v0", "P0001-v1"]
    assert won.tolist() == [True, False, True, False]
    # Six gestures of 20 frames, each followed by a pause as long, and one before them: 280 frames at 25 a second.
    assert videos[0].minutes == pytest.approx(280 / 25 / 60)
    assert np.bincount(videos[0].labels).max() == 3
    assert len(videos[0].samples) == 6
