//! Folders of PNG and JPEG pictures.

use crate::builder::Builder;
use crate::dataset::DataSplits;
use crate::error::DataError;
use crate::image::{Image, decode_jpeg, decode_png};
use crate::listing::{Listing, list};
use crate::spec::Look;
use crate::{files, listing};
use std::path::Path;

/// The ends of the names of pictures.
pub(crate) const EXTENSIONS: &[&str] = &["png", "jpg", "jpeg"];

/// Reads a folder of pictures, laid out as [`listing`] says. PNG and JPEG are told apart by their first bytes.
pub(crate) fn read_folder(spec: &str, folder: &Path, look: &Look) -> Result<DataSplits, DataError> {
    let Listing { files, classes } = list(folder, |name| listing::has_extension(name, EXTENSIONS), |_| None)?;
    let mut builder = Builder::new(spec, look, classes)?;
    for file in files {
        let shown = file.path.strip_prefix(folder).unwrap_or(&file.path).display().to_string();
        builder.add(file.part, &read_picture(&file.path)?, file.class, None, &shown)?;
    }
    builder.finish()
}

/// Reads a PNG or JPEG file.
pub(crate) fn read_picture(path: &Path) -> Result<Image, DataError> {
    let bytes = files::read_regular(path)?;
    let name = path.display().to_string();
    match bytes.starts_with(b"\xff\xd8") {
        true => Ok(decode_jpeg(&name, &bytes)?),
        false => Ok(decode_png(&name, &bytes)?),
    }
}
