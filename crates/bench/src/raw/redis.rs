//! Redis spoken to directly (RESP2), as little as is needed to compare with and to clean up.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Keys looked at by one SCAN.
const SCANNED: &str = "5000";
/// The most elements of an answer.
const MAX_ELEMENTS: usize = 1_000_000;
/// The most bytes of a text.
const MAX_TEXT_BYTES: usize = 16 * 1024 * 1024;

/// A connection.
struct Redis(BufReader<TcpStream>);

/// What is answered.
enum Reply {
    Text(Vec<u8>),
    Array(Vec<Reply>),
    None,
}

/// Pipelined GETs of one key on one connection: how many a second.
///
/// # Errors
/// When the server does not answer.
pub async fn pipelined_gets(address: &str, key: &str, value: usize, depth: usize, seconds: f64) -> anyhow::Result<f64> {
    let mut redis = Redis::open(address).await?;
    redis.ask(&["SET", key, &"x".repeat(value)]).await?;
    let one = command(&["GET", key]);
    let many: Vec<u8> = one.repeat(depth);
    let (began, mut count) = (Instant::now(), 0_u32);
    let end = began + Duration::from_secs_f64(seconds);
    while Instant::now() < end {
        redis.0.write_all(&many).await?;
        for _ in 0..depth {
            let Reply::Text(text) = redis.reply().await? else { bail!("the key is gone") };
            anyhow::ensure!(text.len() == value, "the value has {} bytes", text.len());
            count += 1;
        }
    }
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    redis.ask(&["DEL", key]).await?;
    Ok(rate)
}

/// Removes all keys that begin with a prefix of ours and a colon.
///
/// # Errors
/// When the server does not answer.
pub async fn remove_prefix(address: &str, prefix: &str) -> anyhow::Result<()> {
    let mut redis = Redis::open(address).await?;
    let pattern = format!("{prefix}:*");
    let mut cursor = b"0".to_vec();
    loop {
        let text = String::from_utf8(cursor)?;
        let Reply::Array(mut found) = redis.ask(&["SCAN", &text, "MATCH", &pattern, "COUNT", SCANNED]).await? else {
            bail!("SCAN answers no list");
        };
        let (Some(Reply::Array(keys)), Some(Reply::Text(next))) = (found.pop(), found.pop()) else {
            bail!("SCAN answers no list")
        };
        let keys: Vec<String> = keys.into_iter().filter_map(Reply::into_text).collect();
        if !keys.is_empty() {
            let words: Vec<&str> = std::iter::once("UNLINK").chain(keys.iter().map(String::as_str)).collect();
            redis.ask(&words).await?;
        }
        if next == b"0" {
            return Ok(());
        }
        cursor = next;
    }
}

impl Redis {
    async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("Redis does not answer at {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    async fn ask(&mut self, words: &[&str]) -> anyhow::Result<Reply> {
        self.0.write_all(&command(words)).await?;
        self.reply().await
    }

    async fn reply(&mut self) -> anyhow::Result<Reply> {
        let line = self.line().await?;
        let (kind, rest) = line.split_at(1);
        Ok(match kind {
            "+" | ":" => Reply::Text(rest.as_bytes().to_vec()),
            "$" => self.text(rest.parse()?).await?,
            // Only SCAN answers lists here: a text and a list of texts.
            "*" => {
                let count: usize = rest.parse()?;
                anyhow::ensure!(count <= MAX_ELEMENTS, "a list of {count}");
                let mut all = Vec::new();
                for _ in 0..count {
                    all.push(Box::pin(self.reply()).await?);
                }
                Reply::Array(all)
            }
            _ => bail!("Redis says: {line}"),
        })
    }

    async fn text(&mut self, length: i64) -> anyhow::Result<Reply> {
        let Ok(length) = usize::try_from(length) else { return Ok(Reply::None) };
        anyhow::ensure!(length <= MAX_TEXT_BYTES, "a text of {length} bytes");
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).await?;
        text.truncate(length);
        Ok(Reply::Text(text))
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).await?;
        anyhow::ensure!(read > 1, "Redis ended the connection");
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

impl Reply {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => String::from_utf8(text).ok(),
            Self::Array(_) | Self::None => None,
        }
    }
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    bytes
}
