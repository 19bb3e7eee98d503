//! A page of HTML that needs nothing beside itself: drawings are inline SVG, pictures are data in the page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use glassbox_data::DataError;
use glassbox_data::files::write_atomically;
use glassbox_data::image::{Image, encode_png};
use std::fmt::Write;
use std::path::Path;

/// A page that is put together from top to bottom. All text is escaped.
#[derive(Debug, Clone)]
pub struct Page {
    html: String,
}

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;color:#1c2330;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}\
figure{margin:1rem 0}figcaption{color:#48536a;font-size:.92rem;margin:.35rem 0 0}\
pre{white-space:pre-wrap;background:#f5f6f8;padding:.6rem .8rem;margin:0}figure img{image-rendering:pixelated;max-width:100%;display:block}svg{max-width:100%;height:auto;display:block}\
.row{display:flex;flex-wrap:wrap;gap:1rem}.row figure{margin:0}\
table{border-collapse:collapse}th,td{text-align:left;padding:.2rem 1.4rem .2rem 0;vertical-align:top}\
th{font-weight:500;color:#48536a}td{font-variant-numeric:tabular-nums}p{max-width:46rem}";

impl Page {
    /// A page of this title.
    pub fn new(title: &str) -> Page {
        let title = escape(title);
        Page {
            html: format!(
                "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
                 <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n\
                 <h1>{title}</h1>\n"
            ),
        }
    }

    /// A heading of the second rank.
    pub fn heading(&mut self, text: &str) -> &mut Page {
        self.push(&format!("<h2>{}</h2>\n", escape(text)))
    }

    /// A paragraph.
    pub fn text(&mut self, text: &str) -> &mut Page {
        self.push(&format!("<p>{}</p>\n", escape(text)))
    }

    /// A paragraph that is a link.
    pub fn link(&mut self, target: &str, text: &str) -> &mut Page {
        self.push(&format!("<p><a href=\"{}\">{}</a></p>\n", escape(target), escape(text)))
    }

    /// Names with values, one to a row.
    pub fn table<'a>(&mut self, rows: impl IntoIterator<Item = (&'a str, String)>) -> &mut Page {
        self.html.push_str("<table>\n");
        for (name, value) in rows {
            let _ = writeln!(self.html, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(&value));
        }
        self.push("</table>\n")
    }

    /// A table of any number of columns below a line of titles.
    pub fn wide_table(
        &mut self,
        head: impl IntoIterator<Item = String>,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> &mut Page {
        self.html.push_str("<table>\n<tr>");
        for title in head {
            let _ = write!(self.html, "<th>{}</th>", escape(&title));
        }
        self.html.push_str("</tr>\n");
        for row in rows {
            self.html.push_str("<tr>");
            for (i, cell) in row.iter().enumerate() {
                let tag = if i == 0 { "th" } else { "td" };
                let _ = write!(self.html, "<{tag}>{}</{tag}>", escape(cell));
            }
            self.html.push_str("</tr>\n");
        }
        self.push("</table>\n")
    }

    /// A picture, each of its pixels `zoom` wide on the screen, with its caption below it.
    pub fn picture(&mut self, image: &Image, zoom: usize, caption: &str) -> &mut Page {
        let figure = picture(image, zoom, caption);
        self.push(&figure)
    }

    /// Pictures in a row, as far as they fit.
    pub fn picture_row<'a>(
        &mut self,
        pictures: impl IntoIterator<Item = (&'a Image, String)>,
        zoom: usize,
    ) -> &mut Page {
        self.html.push_str("<div class=\"row\">\n");
        for (image, caption) in pictures {
            self.html.push_str(&picture(image, zoom, &caption));
        }
        self.push("</div>\n")
    }

    /// A text as it is, line for line, with its caption below it.
    pub fn passage(&mut self, text: &str, caption: &str) -> &mut Page {
        let (text, caption) = (escape(text), escape(caption));
        self.push(&format!("<figure><pre>{text}</pre><figcaption>{caption}</figcaption></figure>\n"))
    }

    /// A drawing with its caption below it. The SVG goes in as it is.
    pub fn drawing(&mut self, svg: &str, caption: &str) -> &mut Page {
        let start = svg.find("<svg").unwrap_or(0); // without the XML declaration
        let caption = escape(caption);
        self.push(&format!("<figure>{}<figcaption>{caption}</figcaption></figure>\n", &svg[start..]))
    }

    /// Writes the page, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), DataError> {
        write_atomically(path, format!("{}</body></html>\n", self.html).as_bytes())
    }

    fn push(&mut self, html: &str) -> &mut Page {
        self.html.push_str(html);
        self
    }
}

fn picture(image: &Image, zoom: usize, caption: &str) -> String {
    let data = STANDARD.encode(encode_png(image));
    let (width, height, caption) = (image.width() * zoom, image.height() * zoom, escape(caption));
    format!(
        "<figure><img width=\"{width}\" height=\"{height}\" alt=\"{caption}\" src=\"data:image/png;base64,{data}\">\
         <figcaption>{caption}</figcaption></figure>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use glassbox_data::image::decode_png;

    #[test]
    fn a_page_holds_its_pictures_and_refers_to_nothing_outside() {
        let image = Image::new(2, 1, 1, vec![3, 250]);
        let mut page = Page::new("A <run>");
        page.heading("Samples").picture(&image, 2, "drawn by \"us\" & <them>").drawing("<?xml?><svg></svg>", "a line");
        let dir = tempfile::tempdir().unwrap();
        page.write(&dir.path().join("report.html")).unwrap();
        let html = std::fs::read_to_string(dir.path().join("report.html")).unwrap();

        assert!(
            html.contains("<h1>A &lt;run&gt;</h1>") && html.contains("&quot;us&quot; &amp; &lt;them&gt;"),
            "{html}"
        );
        assert!(!html.contains("http") && !html.contains("<script") && !html.contains("<?xml"), "{html}");
        let data = html.split("base64,").nth(1).unwrap().split('"').next().unwrap();
        assert_eq!(decode_png("the page", &STANDARD.decode(data).unwrap()).unwrap(), image);
    }
}
