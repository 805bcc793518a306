//! A client of HTTP/1.1 with keep-alive that does as little as it can (RFC 9112): the load shares its cores with what it
//! measures. It reads what our API answers: a `Content-Length` or no body, no interim answers.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The most bytes of one answer.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;
/// What ends the head.
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// A connection with at most one request on its way.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// How much of the buffer is filled.
    filled: usize,
}

/// What was answered.
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// As the operating system says.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; READ_BYTES], filled: 0 })
    }

    /// Sends a request and reads its answer. After an error, or when the future was dropped, the connection is of no use.
    ///
    /// # Errors
    /// When the connection ends, or what comes is no answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.filled = 0;
        let head = loop {
            self.read().await?;
            // The end may lie across two reads; heads are short.
            if let Some(end) = find(&self.buffer[..self.filled], END_OF_HEAD) {
                break end + END_OF_HEAD.len();
            }
        };
        let (status, length) = read_head(&self.buffer[..head])?;
        let end = head + length;
        if end > MAX_ANSWER_BYTES {
            return Err(malformed("the answer is too long"));
        }
        while self.filled < end {
            self.read().await?;
        }
        Ok(Answer { status, body: &self.buffer[head..end] })
    }

    async fn read(&mut self) -> io::Result<()> {
        if self.filled == self.buffer.len() {
            if self.filled >= MAX_ANSWER_BYTES {
                return Err(malformed("the answer is too long"));
            }
            self.buffer.resize(self.filled * 2, 0);
        }
        match self.stream.read(&mut self.buffer[self.filled..]).await? {
            0 => Err(io::Error::from(ErrorKind::UnexpectedEof)),
            read => {
                self.filled += read;
                Ok(())
            }
        }
    }
}

/// The status and the length of the body.
fn read_head(head: &[u8]) -> io::Result<(u16, usize)> {
    let status = head.get(9..12).and_then(|code| std::str::from_utf8(code).ok()?.parse::<u16>().ok());
    let status = status.filter(|_| head.starts_with(b"HTTP/1.1 ")).ok_or_else(|| malformed("no answer of HTTP/1.1"))?;
    let mut length = None;
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            length = std::str::from_utf8(&value[1..]).ok().and_then(|value| value.trim().parse().ok());
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Err(malformed("a transfer coding"));
        }
    }
    match length {
        Some(length) => Ok((status, length)),
        None if status == 204 || status == 304 => Ok((status, 0)),
        None => Err(malformed("neither a length nor none")),
    }
}

/// A GET, with a token or as a guest.
pub fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nhost: bench.example\r\n{authorization}\r\n").into_bytes()
}

/// A POST of JSON, with a token or as a guest.
pub fn post(path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    let authorization = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: bench.example\r\n{authorization}content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// Where `wanted` begins in `bytes`.
pub fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        assert_eq!(read_head(b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nx: y\r\n\r\n").expect("read"), (201, 12));
        assert_eq!(read_head(b"HTTP/1.1 204 No Content\r\n\r\n").expect("read"), (204, 0));
        for refused in
            [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"SSH-2.0\r\n\r\n"]
        {
            assert_eq!(read_head(refused).expect_err("no answer").kind(), ErrorKind::InvalidData);
        }
    }
}
