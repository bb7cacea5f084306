//! The process's own log, on standard error: one event is one line, whatever its values hold.

use std::io::{self, Write};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is neither `error`, `warn`, `info`, `debug`, `trace`, `off` nor a list such as `info,keywheel::proxy=debug`.
    #[error("{level:?} is no log level: {reason}")]
    Level {
        /// What was given.
        level: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody started logging before.
    #[error("logging was started twice")]
    Started,
}

/// Sends events of `level` and above to standard error, for the whole process.
pub fn start_logging(format: LogFormat, level: &str) -> Result<(), LogError> {
    let subscriber = subscriber(format, level, io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Started)
}

fn subscriber<W>(format: LogFormat, level: &str, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter =
        EnvFilter::try_new(level).map_err(|error| LogError::Level { level: level.to_owned(), reason: error.to_string() })?;
    // A line that cannot be written, as on a full disk, is lost: the report of it would go the same way, and panic there.
    let events = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .log_internal_errors(false)
        .with_writer(OneLine(writer));
    Ok(match format {
        LogFormat::Text => Box::new(events.finish()),
        LogFormat::Json => Box::new(events.json().flatten_event(true).finish()),
    })
}

/// Escapes control characters, so that a value can neither begin a line nor steer a terminal.
struct OneLine<W>(W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for OneLine<W> {
    type Writer = Escaping<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }
}

struct Escaping<W>(W);

impl<W: Write> Write for Escaping<W> {
    /// Takes a whole event, as the formatter hands it over.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        let text = String::from_utf8_lossy(line);
        if text.chars().any(char::is_control) {
            let mut escaped = String::with_capacity(text.len() + 16);
            for character in text.chars() {
                if character.is_control() { escaped.extend(character.escape_default()) } else { escaped.push(character) }
            }
            escaped.push('\n');
            self.0.write_all(escaped.as_bytes())?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str, event: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(format, level, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, event);
        let bytes = captured.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_value_cannot_forge_a_line_or_steer_a_terminal() {
        let hostile = "a\r\n2026-01-01 INFO all is well \u{1b}[2J\u{9b}31m\u{7f}模型\n";
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(format, "info", || tracing::info!(model = %hostile, "a model was asked for: {hostile}"));
            assert_eq!(text.matches('\n').count(), 1, "{text:?}");
            assert!(text.ends_with('\n'));
            assert!(!text.trim_end_matches('\n').chars().any(char::is_control), "{text:?}");
            assert!(text.contains("模型"));
        }
    }

    #[test]
    fn levels_and_formats() {
        let event = || {
            tracing::info!(port = 8484, "listening");
            tracing::debug!("details");
        };
        let text = logged(LogFormat::Text, "info", event);
        assert!(text.contains("INFO") && text.contains("listening port=8484") && !text.contains("details"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&logged(LogFormat::Json, "info", event)).unwrap();
        assert_eq!((json["message"].as_str(), json["port"].as_i64()), (Some("listening"), Some(8484)));
        assert_eq!(logged(LogFormat::Text, "off", event), "");
        assert!(logged(LogFormat::Text, "warn,keywheel::telemetry=debug", event).contains("details"));
        assert!(matches!(start_logging(LogFormat::Text, "loud=louder"), Err(LogError::Level { .. })));
    }
}
