//! Folders of pictures, sheets of sprites, and how a spec changes what is seen.

use glassbox_data::image::{Image, write_png};
use glassbox_data::{DataSplits, Kind, absolute, kind, open};
use std::fs;
use std::path::Path;

fn spec(dir: &Path) -> &str {
    dir.to_str().unwrap()
}

/// Writes a picture of one shade, and the folders above it.
fn shade(path: &Path, width: usize, height: usize, channels: usize, shade: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_png(path, &Image::filled(width, height, channels, shade)).unwrap();
}

/// Cats of shade 10, 11, … and dogs of 100, 101, …
fn pets(dir: &Path) {
    for i in 0..20 {
        shade(&dir.join(format!("cat/{i:02}.png")), 6, 4, 1, 10 + i);
        shade(&dir.join(format!("dog/{i:02}.PNG")), 6, 4, 1, 100 + i);
    }
    fs::write(dir.join("cat/.hidden.png"), "no picture").unwrap();
    fs::write(dir.join("cat/notes.txt"), "no picture").unwrap();
}

fn error(change: impl Fn(&Path)) -> String {
    let dir = tempfile::tempdir().unwrap();
    change(dir.path());
    open(spec(dir.path())).unwrap_err().to_string().replace(spec(dir.path()), "DIR")
}

#[test]
fn subfolders_are_classes_and_a_tenth_is_held_out() {
    let dir = tempfile::tempdir().unwrap();
    pets(dir.path());
    assert_eq!(kind(spec(dir.path())).unwrap(), Kind::Pictures);
    let data = open(spec(dir.path())).unwrap();
    assert_eq!((data.train.classes().join(" "), data.train.image_shape()), ("cat dog".to_string(), [1, 4, 6]));
    assert_eq!(data.train.len() + data.test.len(), 40);
    // In the order of classes and names, and each as its file has it.
    let shades: Vec<u8> = (0..data.train.len()).map(|i| data.train.image(i)[0]).collect();
    assert!(shades.is_sorted() && shades.iter().zip(data.train.labels()).all(|(&s, &l)| (s >= 100) == (l == 1)));
    // What is held out stays so when others come and go.
    let held = |data: &DataSplits| (0..data.test.len()).map(|i| data.test.image(i)[0]).collect::<Vec<u8>>();
    let before = held(&data);
    shade(&dir.path().join("cow/1.png"), 6, 4, 1, 200);
    shade(&dir.path().join("cow/2.png"), 6, 4, 1, 201);
    let after = held(&open(spec(dir.path())).unwrap());
    assert_eq!(before, after.into_iter().filter(|&s| s < 200).collect::<Vec<u8>>());
}

#[test]
fn train_and_test_are_taken_where_they_are() {
    let dir = tempfile::tempdir().unwrap();
    for (path, s) in [("train/a/1.png", 1), ("train/b/1.png", 2), ("test/b/9.png", 3), ("train/a/2.png", 4)] {
        shade(&dir.path().join(path), 2, 2, 3, s);
    }
    let data = open(spec(dir.path())).unwrap();
    assert_eq!((data.train.labels(), data.test.labels()), (&[0, 0, 1][..], &[1][..]));
    assert_eq!((data.train.image(1)[0], data.test.image(0)[0], data.train.image_shape()), (4, 3, [3, 2, 2]));
}

#[test]
fn pictures_without_subfolders_are_of_one_class() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..3 {
        shade(&dir.path().join(format!("{i}.png")), 2, 2, 1, i);
    }
    let data = open(spec(dir.path())).unwrap();
    assert_eq!((data.train.classes().join(" "), data.train.len() + data.test.len()), ("all".to_string(), 3));
}

#[test]
fn options_change_size_and_colour() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..4 {
        // Red, white, red side by side: 4 × 4 each.
        let row: Vec<u8> =
            [[200, 0, 0]; 4].into_iter().chain([[255; 3]; 4]).chain([[200, 0, 0]; 4]).flatten().collect();
        let image = Image::new(12, 4, 3, row.repeat(4));
        write_png(&dir.path().join(format!("{i}.png")), &image).unwrap();
    }
    let open = |options: &str| open(&format!("{}{options}", spec(dir.path()))).unwrap().train;
    let grey_red = (19595 * 200 + 32768) >> 16;
    assert_eq!(open("").image_shape(), [3, 4, 12]);
    let middle = open("?size=2&colour=grey");
    assert_eq!((middle.image_shape(), middle.image(0)), ([1, 2, 2], &[255; 4][..]), "the middle alone is seen");
    let all = open("?size=12x4&fit=stretch&colour=grey");
    assert_eq!((all.image_shape(), all.image(0)[0]), ([1, 4, 12], grey_red as u8));
    let wide = open("?size=6x2");
    assert_eq!((wide.image_shape(), wide.image(0)[0], wide.image(0)[2]), ([3, 2, 6], 200, 248)); // 0.125 · 200 + 0.875 · 255
    // And of a set that has a name.
    let digits = glassbox_data::open("digits?size=14x28&colour=rgb").unwrap();
    assert_eq!((digits.train.image_shape(), digits.train.len()), ([3, 28, 14], 7996));
}

#[test]
fn what_does_not_fit_is_refused_with_the_remedy() {
    let sizes = error(|dir| {
        shade(&dir.join("a/1.png"), 6, 4, 1, 0);
        shade(&dir.join("a/2.png"), 100, 4, 1, 0);
        shade(&dir.join("a/3.png"), 6, 4, 1, 0);
    });
    assert_eq!(
        sizes,
        "DIR: a/2.png is 100 × 4 pixels and a/1.png 6 × 4; add ?size=64, or the size that you want, to the data set"
    );
    let colours = error(|dir| {
        shade(&dir.join("a/1.png"), 6, 4, 1, 0);
        shade(&dir.join("b/2.png"), 6, 4, 3, 0);
    });
    assert_eq!(colours, "DIR: b/2.png is colour and a/1.png grey; add ?colour=grey or ?colour=rgb to the data set");
    let damaged = error(|dir| {
        shade(&dir.join("a/1.png"), 6, 4, 1, 0);
        fs::write(dir.join("a/2.jpg"), "GIF89a").unwrap();
    });
    assert_eq!(damaged, "DIR/a/2.jpg: at byte 0: not a PNG file; fetch it again, or save it as PNG");
    let one = error(|dir| shade(&dir.join("a/1.png"), 6, 4, 1, 0));
    assert_eq!(one, "DIR: 1 example; at least 2 are needed, one to learn from and one to be judged by");
    let classes = error(|dir| (0..257).for_each(|i| shade(&dir.join(format!("{i}/1.png")), 1, 1, 1, 0)));
    assert_eq!(classes, "DIR: 257 classes; 1 to 256 are read");
    let test_only = error(|dir| shade(&dir.join("test/a/1.png"), 1, 1, 1, 0));
    assert_eq!(test_only, "DIR: test/ is there and train/ is not; put what is learned from there");
    assert!(error(|_| ()).starts_with("DIR: no data in this folder; there may be PNG, JPEG or WAV files in it"));
    let dir = tempfile::tempdir().unwrap();
    pets(dir.path());
    let error = open(&format!("{}?sise=3", spec(dir.path()))).unwrap_err().to_string();
    assert!(error.ends_with("?sise=3: there is no option \"sise\"; did you mean size?"), "{error}");
    let error = kind(spec(&dir.path().join("cat/00.png"))).unwrap_err().to_string();
    assert!(error.contains("00.png: not a data set but one picture;"), "{error}");
}

#[test]
fn a_path_is_made_absolute_and_keeps_its_options() {
    assert_eq!(absolute("digits?size=32"), "digits?size=32");
    assert_eq!(absolute("no/such?size=32"), "no/such?size=32");
    let here = std::env::current_dir().unwrap();
    assert_eq!(absolute("src?size=32"), format!("{}/src?size=32", here.display()));
}

/// A package of sprites as npm has it: three of side 32 on a sheet of two by two, and the same of side 16.
fn package(dir: &Path) {
    let json = r#"[
        {"name": "GRINNING FACE", "short_name": "grinning", "category": "Smileys", "sheet_x": 0, "sheet_y": 0, "has_img_google": true},
        {"name": null, "short_name": "flag-ch", "category": "Flags", "sheet_x": 1, "sheet_y": 0, "has_img_google": true},
        {"name": "ROCKET", "short_name": "rocket", "category": "Travel", "sheet_x": 0, "sheet_y": 1, "has_img_google": true,
         "skin_variations": {"1F3FB": {"sheet_x": 9, "sheet_y": 9}}},
        {"name": "NOT DRAWN", "short_name": "no", "category": "Travel", "sheet_x": 1, "sheet_y": 1, "has_img_google": false}
    ]"#;
    fs::create_dir_all(dir.join("img/google/sheets-clean")).unwrap();
    fs::write(dir.join("emoji.json"), json).unwrap();
    for side in [16, 32] {
        let cell = side + 2;
        let mut sheet = Image::filled(2 * cell, 2 * cell, 3, 0);
        for (shade, x, y) in [(50, 0, 0), (100, 1, 0), (150, 0, 1)] {
            sheet.paste(&Image::filled(side, side, 3, shade + (side == 16) as u8), x * cell + 1, y * cell + 1);
        }
        write_png(&dir.join(format!("img/google/sheets-clean/{side}.png")), &sheet).unwrap();
    }
}

#[test]
fn sprites_are_cut_out_of_their_sheet_without_the_border() {
    let dir = tempfile::tempdir().unwrap();
    package(dir.path());
    let data = open(spec(dir.path())).unwrap();
    assert_eq!(
        (data.train.classes().join(" "), data.train.image_shape()),
        ("Flags Smileys Travel".to_string(), [3, 32, 32])
    );
    let mut all = Vec::new();
    for set in [&data.train, &data.test] {
        for i in 0..set.len() {
            assert!(set.image(i).iter().all(|&v| v == set.image(i)[0]), "no pixel of the border or of a neighbour");
            let class = &set.classes()[usize::from(set.labels()[i])];
            all.push((set.image(i)[0], set.captions().unwrap()[i].clone(), class.clone()));
        }
    }
    all.sort();
    let expected = [(50, "grinning face", "Smileys"), (100, "flag-ch", "Flags"), (150, "rocket", "Travel")];
    assert_eq!(all, expected.map(|(shade, caption, class)| (shade, caption.to_string(), class.to_string())));
    // Of the sheets the smallest that isn't smaller.
    let small = open(&format!("{}?size=12", spec(dir.path()))).unwrap();
    assert_eq!((small.train.image_shape(), small.train.image(0)[0] % 2), ([3, 12, 12], 1));
    let error = open(&format!("{}?size=64", spec(dir.path()))).unwrap_err().to_string();
    assert!(error.contains("sheets-clean/64.png: cannot read: "), "{error}");
}

#[test]
fn a_package_that_contradicts_itself_is_refused() {
    let spoilt = |from: &str, to: &str| {
        error(|dir| {
            package(dir);
            let json = fs::read_to_string(dir.join("emoji.json")).unwrap();
            fs::write(dir.join("emoji.json"), json.replace(from, to)).unwrap();
        })
    };
    assert_eq!(
        spoilt("\"sheet_y\": 1, \"has_img_google\": true", "\"sheet_y\": 2, \"has_img_google\": true"),
        "DIR: \"rocket\" is in column 0 of row 2, which DIR/img/google/sheets-clean/32.png doesn't have; install the package \
         again"
    );
    let no_list = spoilt("\"category\"", "\"group\"");
    assert!(no_list.starts_with("DIR/emoji.json: not a list of emoji as emoji-datasource has it ("), "{no_list}");
    let two = error(|dir| {
        package(dir);
        fs::create_dir(dir.join("img/apple")).unwrap();
    });
    assert!(two.starts_with("DIR: img/ holds 2 sets of pictures, and one is read; give one of the packages"), "{two}");
}
