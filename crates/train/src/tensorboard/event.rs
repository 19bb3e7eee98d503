//! The messages of which an event file consists: a part of TensorFlow's `event.proto` and `summary.proto`, with the same
//! numbers of fields (<https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto>).

use crate::experiment::Sample;
use crate::metrics::Metrics;
use glassbox_data::image::{Image, encode_png};
use prost::{Message, Oneof};

/// The version of the format: what the first event of a file says.
pub(super) const VERSION: &str = "brain.Event:2";

/// One event.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub(super) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(super) step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub(super) what: Option<What>,
}

/// What happened.
#[derive(Clone, PartialEq, Oneof)]
pub(super) enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// Values with names.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(oneof = "Content", tags = "2, 4, 8")]
    content: Option<Content>,
    /// Who shows it, where that doesn't follow from the content.
    #[prost(message, optional, tag = "9")]
    metadata: Option<Metadata>,
}

impl Value {
    fn of(tag: &str, content: Content) -> Value {
        Value { tag: tag.to_string(), content: Some(content), metadata: None }
    }
}

#[derive(Clone, PartialEq, Oneof)]
enum Content {
    #[prost(float, tag = "2")]
    SimpleValue(f32),
    #[prost(message, tag = "4")]
    Image(ImageValue),
    #[prost(message, tag = "8")]
    Tensor(TensorValue),
}

/// A list of texts.
#[derive(Clone, PartialEq, Message)]
struct TensorValue {
    /// 7 for texts.
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    string_val: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {
    #[prost(message, repeated, tag = "2")]
    dim: Vec<Dim>,
}

#[derive(Clone, PartialEq, Message)]
struct Dim {
    #[prost(int64, tag = "1")]
    size: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(message, optional, tag = "1")]
    plugin_data: Option<PluginData>,
}

#[derive(Clone, PartialEq, Message)]
struct PluginData {
    #[prost(string, tag = "1")]
    plugin_name: String,
}

#[derive(Clone, PartialEq, Message)]
struct ImageValue {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    /// 1 for grey, 3 for red, green, blue: the number of channels.
    #[prost(int32, tag = "3")]
    colorspace: i32,
    /// A PNG file.
    #[prost(bytes = "vec", tag = "4")]
    encoded_image_string: Vec<u8>,
}

/// That a sitting begins.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `SessionLog.START`: all that was read before and has the step of this event or a later one no longer counts.
pub(super) fn start() -> SessionLog {
    SessionLog { status: 1 }
}

impl Event {
    /// The metrics of a step, each under its name. TensorBoard keeps them as f32.
    pub(super) fn scalars(wall_time: f64, step: u64, metrics: &Metrics) -> Event {
        let value = |(name, x): (&str, f64)| Value::of(name, Content::SimpleValue(x as f32));
        Event::summary(wall_time, step, metrics.iter().map(value).collect())
    }

    /// What was made after a step.
    pub(super) fn sample(wall_time: f64, step: u64, sample: &Sample) -> Event {
        match sample {
            Sample::Picture(image) => Event::image(wall_time, step, image),
            Sample::Text(text) => Event::text(wall_time, step, text),
        }
    }

    /// The text written after a step. TensorBoard takes it for Markdown, in which what is indented by four is shown as it is.
    pub(super) fn text(wall_time: f64, step: u64, text: &str) -> Event {
        let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
        let shape = Some(Shape { dim: vec![Dim { size: 1 }] });
        let content = TensorValue { dtype: 7, shape, string_val: vec![indented.into_bytes()] };
        let plugin_data = Some(PluginData { plugin_name: "text".to_string() });
        let value = Value { metadata: Some(Metadata { plugin_data }), ..Value::of("text", Content::Tensor(content)) };
        Event::summary(wall_time, step, vec![value])
    }

    /// The samples drawn after a step.
    pub(super) fn image(wall_time: f64, step: u64, image: &Image) -> Event {
        let [height, width, colorspace] = [image.height(), image.width(), image.channels()].map(|n| n as i32);
        let content = ImageValue { height, width, colorspace, encoded_image_string: encode_png(image) };
        let value = Value::of("samples", Content::Image(content));
        Event::summary(wall_time, step, vec![value])
    }

    fn summary(wall_time: f64, step: u64, value: Vec<Value>) -> Event {
        Event { wall_time, step: step as i64, what: Some(What::Summary(Summary { value })) }
    }

    /// Its bytes.
    pub(super) fn encoded(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}
