//! A UNet as diffusers keeps it: a folder with `config.json` and `diffusion_pytorch_model.safetensors`.

use super::config::{TimeEmbeddingType, UNet2dConfig};
use super::error::UNetError;
use super::model::UNet2d;
use glassbox_data::files::read_at_most;
use glassbox_nn::checkpoint::SafetensorsFile;
use glassbox_nn::{CheckpointError, Module, Name, SlotMut, load_safetensors, save_safetensors};
use glassbox_tensor::Tensor;
use glassbox_tensor::random::Key;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
/// The class that wrote the folder, as diffusers calls it.
const CLASS: &str = "UNet2DModel";
/// The largest `config.json` that is read: 1 MiB, a thousand times the usual.
const MAX_CONFIG: u64 = 1 << 20;
/// What an average of weights writes beside the settings of its network.
const OF_AVERAGES: [&str; 7] =
    ["decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step", "use_ema_warmup"];
/// Parts of names that attention had before 2023, and has now.
const OLD_NAMES: [(&str, &str); 4] =
    [(".query.", ".to_q."), (".key.", ".to_k."), (".value.", ".to_v."), (".proj_attn.", ".to_out.0.")];

impl UNet2d {
    /// The network in a folder that `save_pretrained` wrote, of diffusers or of [ours](UNet2d::save). Of a whole pipeline's folder,
    /// the one called `unet` in it.
    ///
    /// Names of attention from before 2023 (`query`, `proj_attn`) are read as well.
    ///
    /// ```
    /// use glassbox_nn::Module;
    /// use glassbox_tensor::random::Key;
    /// use glassbox_unet_diffusion::unet::{DownBlockType, UNet2d, UNet2dConfig, UpBlockType};
    /// let config = UNet2dConfig {
    ///     block_out_channels: vec![8],
    ///     down_block_types: vec![DownBlockType::DownBlock2D],
    ///     up_block_types: vec![UpBlockType::UpBlock2D],
    ///     norm_num_groups: Some(4),
    ///     ..Default::default()
    /// };
    /// let (unet, folder) = (UNet2d::new(config, Key::new(0)), tempfile::tempdir()?);
    /// unet.save(folder.path())?;
    /// let read = UNet2d::load(folder.path())?;
    /// assert_eq!(read.config(), unet.config());
    /// assert_eq!(read.conv_out.weight.value(), unet.conv_out.weight.value());
    ///
    /// let none = UNet2d::load(folder.path().join("elsewhere")).unwrap_err();
    /// assert!(none.to_string().contains("no config.json"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a file isn't there or isn't whole; if `config.json` asks for what isn't built here, or for sizes that the weights haven't;
    /// if names or shapes of the weights differ from the network's.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, UNetError> {
        let folder = find(folder.as_ref())?;
        let path = folder.join(CONFIG);
        let config = read_config(&path)?;
        let file = SafetensorsFile::open(weights(&folder)?)?;
        fits(&config, &file).map_err(|problem| UNetError::Config { path, problem })?;
        let mut unet = UNet2d::new(config, Key::new(0));
        match file.names().any(|name| renamed(name).is_some()) {
            true => load_old(&mut unet, &file)?,
            false => load_safetensors(&mut unet, file.path())?,
        }
        Ok(unet)
    }

    /// Writes the folder that diffusers' `UNet2DModel.from_pretrained` reads, and [`load`](UNet2d::load). A folder that isn't there
    /// is made.
    ///
    /// # Errors
    /// If a file can't be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), UNetError> {
        let (folder, path) = (folder.as_ref(), folder.as_ref().join(CONFIG));
        let unwritten = |source| UNetError::Write { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(unwritten)?;
        save_safetensors(self, folder.join(WEIGHTS))?;
        let mut all = settings(self.config());
        all.insert("_class_name".to_string(), CLASS.into());
        let mut text = serde_json::to_string_pretty(&all).expect("settings are numbers and words");
        text.push('\n');
        fs::write(&path, text).map_err(unwritten)
    }
}

/// The settings by name.
fn settings(config: &UNet2dConfig) -> Map<String, Value> {
    match serde_json::to_value(config) {
        Ok(Value::Object(all)) => all,
        _ => unreachable!("settings are an object of numbers and words"),
    }
}

/// The folder itself, or the one of the network in a pipeline's.
fn find(folder: &Path) -> Result<PathBuf, UNetError> {
    let inner = folder.join("unet");
    [folder, &inner].into_iter().find(|folder| folder.join(CONFIG).exists()).map(Path::to_path_buf).ok_or_else(|| {
        let problem = format!("no {CONFIG} in this folder; give one that save_pretrained of {CLASS} wrote");
        UNetError::Folder { folder: folder.into(), problem }
    })
}

/// The file of weights, or what to do about the kind that is there in its place.
fn weights(folder: &Path) -> Result<PathBuf, UNetError> {
    let path = folder.join(WEIGHTS);
    if path.exists() {
        return Ok(path);
    }
    let problem = if folder.join(format!("{WEIGHTS}.index.json")).exists() {
        format!("its weights are in several files, and {WEIGHTS} is read; save it again with max_shard_size=\"100GB\"")
    } else if folder.join("diffusion_pytorch_model.bin").exists() {
        format!("its weights are pickled, and {WEIGHTS} is read; save it again with safe_serialization=True")
    } else {
        format!("no {WEIGHTS} in this folder; put the file beside {CONFIG}")
    };
    Err(UNetError::Folder { folder: folder.into(), problem })
}

impl UNet2dConfig {
    /// The settings in a `config.json`. Those that are missing are the usual ones; any that is unknown is refused by name, for a network
    /// that leaves something out gives no sign of it.
    ///
    /// ```
    /// use glassbox_unet_diffusion::unet::UNet2dConfig;
    /// let folder = tempfile::tempdir()?;
    /// let file = folder.path().join("config.json");
    /// std::fs::write(&file, r#"{"_class_name": "UNet2DModel", "layers_per_block": 3}"#)?;
    /// assert_eq!(UNet2dConfig::read(&file)?, UNet2dConfig { layers_per_block: 3, ..Default::default() });
    ///
    /// std::fs::write(&file, r#"{"mid_block_type": "UNetMidBlock2DCrossAttn"}"#)?;
    /// assert!(UNet2dConfig::read(&file).unwrap_err().to_string().contains("unknown variant `UNetMidBlock2DCrossAttn`"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file can't be read, isn't of such a network, or asks for what isn't built here or doesn't fit together.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, UNetError> {
        read_config(path.as_ref())
    }
}

fn read_config(path: &Path) -> Result<UNet2dConfig, UNetError> {
    let wrong = |problem: String| UNetError::Config { path: path.into(), problem };
    let bytes = read_at_most(path, MAX_CONFIG)?;
    let unread = |error: serde_json::Error| {
        wrong(format!("{error}; correct it, or take a network that is built of what is known"))
    };
    let all: Map<String, Value> = serde_json::from_slice(&bytes).map_err(unread)?;
    match all.get("_class_name").map_or(Some(CLASS), Value::as_str) {
        Some(CLASS) => {}
        other => {
            let found = other.unwrap_or("no word");
            return Err(wrong(format!(
                "_class_name is {found}, and {CLASS} is read; give the folder of such a network"
            )));
        }
    }
    let known = settings(&UNet2dConfig::default());
    let strange = all.iter().find(|(key, value)| {
        let expected = known.contains_key(*key) || key.starts_with('_') || OF_AVERAGES.contains(&key.as_str());
        !expected && !value.is_null()
    });
    if let Some((key, value)) = strange {
        return Err(wrong(format!("{key} is {value}, and no setting of {CLASS} is called so; correct or remove it")));
    }
    let config: UNet2dConfig = serde_json::from_slice(&bytes).map_err(unread)?;
    config.check().map_err(wrong)?;
    Ok(config)
}

/// Refuses settings that describe far more weights than the file has, before memory is asked for.
fn fits(config: &UNet2dConfig, file: &SafetensorsFile) -> Result<(), String> {
    let there: u128 =
        file.names().filter_map(|name| file.shape(name)).map(|s| s.iter().map(|&n| n as u128).product::<u128>()).sum();
    let [layers, e, first] =
        [config.layers_per_block, config.time_embed_dim(), config.block_out_channels[0]].map(|n| n as u128);
    let tables = config.num_class_embeds.filter(|_| config.class_embed_type.is_none()).unwrap_or(0) as u128 * e;
    let times = match config.time_embedding_type {
        TimeEmbeddingType::Learned => config.num_train_timesteps.unwrap_or(0) as u128 * first,
        _ => 0,
    };
    let levels: u128 = config.block_out_channels.iter().map(|&c| 9 * layers * (c as u128).pow(2)).sum();
    let least = levels + e * e + 9 * first * (config.in_channels + config.out_channels) as u128 + tables + times;
    if least <= there {
        return Ok(());
    }
    Err(format!(
        "describes a network of {least} weights or more, and {} has {there}; copy both files again",
        file.path().display()
    ))
}

/// Today's name of a weight that has an older one.
fn renamed(name: &str) -> Option<String> {
    let (old, new) = OLD_NAMES.into_iter().find(|(old, _)| name.contains(".attentions.") && name.contains(old))?;
    Some(name.replacen(old, new, 1))
}

/// Every weight, by its name of today or the one that it had; reads all before it changes anything.
fn load_old(unet: &mut UNet2d, file: &SafetensorsFile) -> Result<(), UNetError> {
    let mut stored: BTreeMap<String, String> =
        file.names().map(|name| (renamed(name).unwrap_or_else(|| name.to_string()), name.to_string())).collect();
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    unet.visit(Name::root(), &mut |name, slot| shapes.push((name.to_string(), slot.value().shape().to_vec())));
    let (mut tensors, mut missing): (BTreeMap<String, Tensor>, Vec<_>) = Default::default();
    for (name, expected) in shapes {
        let Some(tensor) = stored.remove(&name) else {
            missing.push(glassbox_nn::checkpoint::MissingTensor { name, nearest: None });
            continue;
        };
        let found = file.shape(&tensor).unwrap_or_default().to_vec();
        if found != expected {
            return Err(CheckpointError::Shape { path: file.path().into(), tensor, expected, found }.into());
        }
        tensors.insert(name, file.read(&tensor)?);
    }
    let unexpected: Vec<String> = stored.into_values().collect();
    if !missing.is_empty() || !unexpected.is_empty() {
        let remedy = "give the weights that belong to config.json";
        return Err(CheckpointError::Names { path: file.path().into(), missing, unexpected, remedy }.into());
    }
    unet.visit_mut(Name::root(), &mut |name, mut slot: SlotMut<'_>| {
        if let Some(value) = tensors.remove(&name.to_string()) {
            slot.set_value(value);
        }
    });
    Ok(())
}
