//! An embeddings endpoint as servers of models offer it, played by a few lines on loopback.

#![expect(clippy::unwrap_used, reason = "what tests share")]

use docent_library::embedding::endpoint::Endpoint;
use docent_library::embedding::{Embedder, EmbeddingError};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

/// What a request was: its path, its key, its body.
struct Asked {
    line: String,
    key: Option<String>,
    body: Value,
}

/// Answers each request in turn with the next of `answers`; tells what was asked.
fn serve(answers: Vec<(u16, String)>) -> (String, mpsc::Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for (status, answer) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim().to_owned());
            }
            let header = |name: &str| {
                lines.iter().find_map(|line| line.to_lowercase().starts_with(name).then(|| line[name.len()..].trim().to_owned()))
            };
            let mut body = vec![0; header("content-length:").unwrap().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let asked = Asked { line: lines[0].clone(), key: header("authorization:"), body: serde_json::from_slice(&body).unwrap() };
            write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                answer.len()
            )
            .unwrap();
            let _ = tell.send(asked);
        }
    });
    (url, told)
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text {number}")).collect()
}

#[test]
fn texts_go_out_in_batches_and_come_back_in_their_order_at_length_one() {
    let reply = |indexes: std::ops::Range<usize>| {
        let items: Vec<Value> = indexes.rev().map(|at| json!({"index": at, "embedding": [at as f64 + 1.0, 0.0, 3.0]})).collect();
        (200, json!({"object": "list", "data": items}).to_string())
    };
    let (url, told) = serve(vec![reply(0..32), reply(0..8)]);
    let endpoint = Endpoint::new(&url, "small", Some("s3cret".to_owned())).unwrap();
    let vectors = endpoint.embed(&texts(40)).unwrap();
    assert_eq!(vectors.len(), 40);
    for (at, vector) in vectors.iter().enumerate() {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        assert!((length - 1.0).abs() < 1e-5, "{at}: {length}");
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let ratio = ((at % 32) as f32 + 1.0) / 3.0;
        assert!((vector[0] / vector[2] - ratio).abs() < 1e-5, "{at} is in another's place");
    }
    let asked = told.recv().unwrap();
    assert!(asked.line.starts_with("POST /v1/embeddings "), "{}", asked.line);
    assert_eq!(asked.key.as_deref(), Some("Bearer s3cret"));
    assert_eq!(asked.body["model"], "small");
    assert_eq!(asked.body["input"].as_array().unwrap().len(), 32);
    assert!(!format!("{endpoint:?}").contains("s3cret"));
}

#[test]
fn whatever_else_comes_back_is_told_and_makes_no_vector() {
    for (status, answer, words) in [
        (200, json!({"data": [{"embedding": [1.0]}]}).to_string(), "a vector for each text"),
        (200, json!({"data": [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]}).to_string(), "a vector for each text"),
        (200, json!({"data": [{"embedding": []}, {"embedding": []}]}).to_string(), "a vector for each text"),
        (200, json!({"data": [{"index": 7, "embedding": [1.0]}]}).to_string(), "more vectors"),
        (200, "not JSON".to_owned(), "error decoding"),
        (404, json!({"error": "model \"small\" not found"}).to_string(), "not found"),
        (301, String::new(), "301"),
    ] {
        let (url, _told) = serve(vec![(status, answer.clone())]);
        let told = Endpoint::new(&url, "small", None).unwrap().embed(&texts(2)).unwrap_err();
        assert!(matches!(&told, EmbeddingError::Endpoint { .. }) && told.to_string().contains(words), "{answer}: {told}");
    }
    assert!(Endpoint::new("ftp://models", "small", None).is_err());
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let told = Endpoint::new(&format!("http://user:s3cret@{nobody}/v1"), "small", None).unwrap().embed(&texts(1)).unwrap_err().to_string();
    assert!(!told.contains("s3cret"), "{told}");
}
