//! How the headers of a record are stored: the envelope's names cost one byte each.

/// The names in the order of their codes, from 1. Frozen: only appended to.
const NAMES: [&str; 10] = [
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "ce_dataschema",
    "content-type",
    "ce_aredviorigin",
    "traceparent",
];

/// The code before a name that is written out.
const SPELLED: u8 = 0;

/// Each header as code (and the name, when spelled out) and value; texts carry their length as LEB128.
pub fn encode(headers: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(headers.iter().map(|(_, value)| value.len() + 3).sum());
    for (name, value) in headers {
        match NAMES.iter().position(|known| known == name).and_then(|index| u8::try_from(index + 1).ok()) {
            Some(code) => bytes.push(code),
            None => {
                bytes.push(SPELLED);
                push_text(&mut bytes, name);
            }
        }
        push_text(&mut bytes, value);
    }
    bytes
}

/// What [`encode`] wrote; `None` for anything else.
pub fn decode(mut bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::with_capacity(NAMES.len());
    while let Some((&code, rest)) = bytes.split_first() {
        bytes = rest;
        let name = match code {
            SPELLED => take_text(&mut bytes)?,
            code => (*NAMES.get(usize::from(code) - 1)?).to_owned(),
        };
        headers.push((name, take_text(&mut bytes)?));
    }
    Some(headers)
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(text.as_bytes());
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let mut length = 0_usize;
    for shift in (0..28).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let (text, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            return String::from_utf8(text.to_vec()).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn headers_survive(headers in proptest::collection::vec((prop_oneof![Just("ce_id".to_owned()), ".{0,20}"], ".{0,300}"), 0..12)) {
            prop_assert_eq!(decode(&encode(&headers)), Some(headers));
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _: Option<_> = decode(&bytes);
        }
    }
}
