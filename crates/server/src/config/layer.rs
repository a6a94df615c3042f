//! One source of settings: the defaults, a file, the environment, the flags. Each is read into the same shape and
//! checked against the defaults, which name every key and, by their values, every key's type.

use super::ConfigError;
use figment::{
    Metadata, Profile, Provider,
    providers::{Format, Toml},
    value::{Dict, Map, Value},
};

/// Starts the environment variables' names.
pub const ENV_PREFIX: &str = "PLAZA_";
/// Stands between two levels in an environment variable's name.
const ENV_SEPARATOR: &str = "__";

/// Settings by section, and where they came from.
#[derive(Clone)]
pub(super) struct Layer {
    /// For people: a path, `the environment`.
    pub(super) origin: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Layer {
    /// From TOML text. Errors name the line.
    pub(super) fn from_toml(origin: impl Into<String>, text: &str) -> Result<Self, ConfigError> {
        let origin = origin.into();
        match Toml::from_str(text) {
            Ok(values) => Ok(Self { origin, values }),
            Err(error) => {
                let start = error.span().map_or(0, |span| span.start.min(text.len()));
                let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
                let why = error.message().replace('\n', ", ");
                Err(ConfigError::Syntax { origin, line, why })
            }
        }
    }

    /// From environment variables: `PLAZA_LOG__LEVEL` is `log.level`. Others, and those without `__` (such as
    /// Kubernetes makes for a service called plaza), are none of ours.
    pub(super) fn from_env(
        vars: impl IntoIterator<Item = (String, String)>,
        defaults: &Layer,
    ) -> Result<Self, ConfigError> {
        let mut layer = Self { origin: "the environment".into(), values: Dict::new() };
        for (name, text) in vars {
            let Some(rest) = name.strip_prefix(ENV_PREFIX) else { continue };
            if !rest.contains(ENV_SEPARATOR) {
                continue;
            }
            let key = rest.to_ascii_lowercase().replace(ENV_SEPARATOR, ".");
            layer.set_text(&key, &text, defaults, &env_name)?;
        }
        Ok(layer)
    }

    /// From flags, as `(key, text)`.
    pub(super) fn from_flags(flags: &[(&str, String)], defaults: &Layer) -> Result<Self, ConfigError> {
        let mut layer = Self { origin: "the command line".into(), values: Dict::new() };
        for (key, text) in flags {
            layer.set_text(key, text, defaults, &str::to_owned)?;
        }
        Ok(layer)
    }

    /// Puts text under a key, read as the type that the key's default has.
    fn set_text(
        &mut self,
        key: &str,
        text: &str,
        defaults: &Layer,
        show: &dyn Fn(&str) -> String,
    ) -> Result<(), ConfigError> {
        let Some(default) = defaults.get(key) else {
            return Err(ConfigError::unknown(&self.origin, key, &defaults.keys(), show));
        };
        let value = read_as(default, text).map_err(|why| ConfigError::Value {
            origin: self.origin.clone(),
            key: show(key),
            why: why.into(),
        })?;
        insert(&mut self.values, key, value);
        Ok(())
    }

    /// Refuses keys that the defaults do not know and values of another type than the default's.
    pub(super) fn check(&self, defaults: &Layer) -> Result<(), ConfigError> {
        for (key, value) in leaves(&self.values) {
            let Some(default) = defaults.get(&key) else {
                return Err(ConfigError::unknown(&self.origin, &key, &defaults.keys(), &str::to_owned));
            };
            let (expected, found) = (type_name(default), type_name(value));
            if expected != found {
                let why = format!("must be {expected}, not {found}");
                return Err(ConfigError::Value { origin: self.origin.clone(), key, why });
            }
        }
        Ok(())
    }

    /// Every key, dotted.
    pub(super) fn keys(&self) -> Vec<String> {
        leaves(&self.values).into_iter().map(|(key, _)| key).collect()
    }

    /// The value under a dotted key, if that is a key and not a section.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        let first = self.values.get(parts.next()?)?;
        parts.try_fold(first, |value, part| match value {
            Value::Dict(_, dict) => dict.get(part),
            _ => None,
        })
    }
}

/// `log.level` as an environment variable.
fn env_name(key: &str) -> String {
    format!("{ENV_PREFIX}{}", key.to_ascii_uppercase().replace('.', ENV_SEPARATOR))
}

/// Everything that is not a section, with its dotted key; an empty section stands for itself.
fn leaves(dict: &Dict) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (name, value) in dict {
        match value {
            Value::Dict(_, inner) if !inner.is_empty() => {
                found.extend(leaves(inner).into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            Value::Dict(..)
            | Value::String(..)
            | Value::Char(..)
            | Value::Bool(..)
            | Value::Num(..)
            | Value::Empty(..)
            | Value::Array(..) => found.push((name.clone(), value)),
        }
    }
    found
}

fn insert(dict: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = dict.entry(section.to_owned()).or_insert_with(|| Dict::new().into());
            if let Value::Dict(_, inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

/// Text as the type of `like`: a list is comma-separated.
fn read_as(like: &Value, text: &str) -> Result<Value, &'static str> {
    match like {
        Value::String(..) | Value::Char(..) => Ok(Value::from(text)),
        Value::Bool(..) => text.parse::<bool>().map(Value::from).map_err(|_| "must be true or false"),
        Value::Num(..) => text.parse::<i64>().map(Value::from).map_err(|_| "must be a whole number"),
        Value::Array(..) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Ok(Value::from(items.map(str::to_owned).collect::<Vec<_>>()))
        }
        Value::Dict(..) | Value::Empty(..) => Err("is a section, not a key"),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "text in quotes",
        Value::Bool(..) => "true or false",
        Value::Num(..) => "a number",
        Value::Array(..) => "a list",
        Value::Dict(..) => "a section",
        Value::Empty(..) => "nothing",
    }
}
