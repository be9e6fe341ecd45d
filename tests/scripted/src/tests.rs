//! The server as a plain TCP client sees it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::{Reply, Server};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(20);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

fn send(stream: &mut TcpStream, path: &str, body: &str) {
    let length = body.len();
    let text = format!(
        "POST {path} HTTP/1.1\r\nHost: test\r\nX-Mark: Seven\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
}

/// Reads a head up to its empty line.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Reads a reply whose head gives its length.
fn read_reply(stream: &mut TcpStream) -> (String, String) {
    let head = read_head(stream).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).unwrap();
    let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

fn read_to_end(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    String::from_utf8(rest).unwrap()
}

#[test]
fn a_request_is_recorded_with_path_query_headers_and_body() {
    let server = Server::start(|request| Reply::json(json!({"said": request.json()["say"]})));
    let mut stream = connect(&server);
    send(&mut stream, "/v1/score?a=1&b=2", r#"{"say": "é"}"#);
    let (head, body) = read_reply(&mut stream);
    assert!(head.starts_with("http/1.1 200 ok\r\n"), "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
    assert_eq!(body, r#"{"said":"é"}"#);
    assert_eq!(server.url(), format!("http://127.0.0.1:{}", server.port()));

    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!((request.number, request.method.as_str()), (0, "POST"));
    assert_eq!((request.path.as_str(), request.query.as_str()), ("/v1/score", "a=1&b=2"));
    assert_eq!(request.header("X-MARK"), Some("Seven"));
    assert_eq!(request.header("x-other"), None);
    assert!(request.headers.contains(&("x-mark".to_owned(), "Seven".to_owned())));
    assert_eq!(request.text(), r#"{"say": "é"}"#);
}

#[test]
fn a_body_that_is_not_json_reads_as_null() {
    let server = Server::start(|request| Reply::json(request.json()));
    let mut stream = connect(&server);
    send(&mut stream, "/", "no json");
    assert_eq!(read_reply(&mut stream).1, "null");
    assert_eq!(server.requests()[0].json(), Value::Null);
}

#[test]
fn replies_come_in_turn_on_one_connection_and_the_last_repeats() {
    let server = Server::replies([
        Reply::status(429, json!({})).header("Retry-After", "2"),
        Reply::text(503, "busy").header("content-type", "text/html"),
        Reply::raw(201, vec![b'x'; 3], "application/octet-stream"),
    ]);
    let mut stream = connect(&server);
    let mut heads = Vec::new();
    for _ in 0..4 {
        send(&mut stream, "/", "");
        heads.push(read_reply(&mut stream).0);
    }
    assert!(heads[0].contains("429") && heads[0].contains("retry-after: 2\r\n"), "{}", heads[0]);
    assert!(heads[1].contains("503") && heads[1].contains("content-type: text/html\r\n"));
    assert_eq!(heads[1].matches("content-type").count(), 1);
    assert!(heads[2].contains("201") && heads[3].contains("201"));
    assert_eq!((server.count(), server.connections()), (4, 1));
}

#[test]
fn delays_of_many_requests_pass_side_by_side() {
    let server = Server::start(|_| Reply::json(json!({})).after(Duration::from_millis(200)));
    let begun = Instant::now();
    let mut streams: Vec<_> = (0..100).map(|_| connect(&server)).collect();
    for stream in &mut streams {
        send(stream, "/", "{}");
    }
    assert!(server.wait_for(100, LONG));
    for stream in &mut streams {
        read_reply(stream);
    }
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
    // One after the other they would take 20 s.
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!((server.in_flight(), server.connections()), (0, 100));
    assert!((2..=100).contains(&server.peak_in_flight()), "{}", server.peak_in_flight());
}

#[test]
fn requests_sent_one_after_the_other_are_never_two_in_flight() {
    let server = Server::start(|request| {
        let reply = Reply::text(200, "four bytes and more");
        if request.number.is_multiple_of(2) {
            reply
        } else {
            reply.chunked(4, Duration::ZERO).header("connection", "close")
        }
    });
    for _ in 0..50 {
        let mut whole = connect(&server);
        send(&mut whole, "/", "");
        read_reply(&mut whole);
        let mut pieces = connect(&server);
        send(&mut pieces, "/", "");
        read_to_end(&mut pieces);
    }
    assert_eq!((server.count(), server.peak_in_flight()), (100, 1));
}

#[test]
fn a_hanging_request_is_seen_in_flight_and_leaves_with_its_client() {
    let server = Server::start(|_| Reply::hang());
    let mut stream = connect(&server);
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    send(&mut stream, "/", "{}");
    assert!(server.wait_for(1, LONG));
    assert_eq!(server.in_flight(), 1);
    let kind = stream.read(&mut [0]).unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{kind:?}");
    drop(stream);
    let end = Instant::now() + LONG;
    while server.in_flight() > 0 && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(server.in_flight(), 0);
}

#[test]
fn a_cut_reply_sends_its_bytes_and_announces_more() {
    let server = Server::start(|_| Reply::cut(r#"{"a":"#));
    let mut stream = connect(&server);
    send(&mut stream, "/", "{}");
    let head = read_head(&mut stream).to_ascii_lowercase();
    assert!(head.contains("content-length: 1029\r\n"), "{head}");
    assert_eq!(read_to_end(&mut stream), r#"{"a":"#);
}

#[test]
fn a_cut_reply_in_pieces_lacks_the_chunk_that_ends_it() {
    let server = Server::start(|_| Reply::cut("abcde").chunked(3, Duration::ZERO));
    let mut stream = connect(&server);
    send(&mut stream, "/", "{}");
    assert!(read_head(&mut stream).to_ascii_lowercase().contains("transfer-encoding: chunked"));
    assert_eq!(read_to_end(&mut stream), "3\r\nabc\r\n2\r\nde\r\n");
}

#[test]
fn a_dropped_connection_carries_no_answer() {
    let server = Server::start(|_| Reply::drop_connection());
    let mut stream = connect(&server);
    send(&mut stream, "/", "{}");
    assert_eq!(read_to_end(&mut stream), "");
    assert_eq!(server.count(), 1);
}

#[test]
fn a_chunked_reply_comes_in_pieces_with_pauses() {
    let pause = Duration::from_millis(40);
    let server = Server::start(move |_| Reply::text(200, "abcdefgh").chunked(3, pause));
    let mut stream = connect(&server);
    send(&mut stream, "/", "{}");
    let head = read_head(&mut stream).to_ascii_lowercase();
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    let begun = Instant::now();
    let expected = "3\r\nabc\r\n3\r\ndef\r\n2\r\ngh\r\n0\r\n\r\n";
    let mut body = vec![0; expected.len()];
    stream.read_exact(&mut body).unwrap();
    assert_eq!(String::from_utf8(body).unwrap(), expected);
    // Two pauses of 40 ms lie between three pieces; the first may be under way before the head is read.
    assert!(begun.elapsed() >= pause, "{:?}", begun.elapsed());
}

#[test]
fn without_recording_requests_are_counted_and_not_kept() {
    let server = Server::start(|request| Reply::json(json!(request.body.len()))).keep_bodies(false);
    let mut stream = connect(&server);
    send(&mut stream, "/", "12345");
    assert_eq!(read_reply(&mut stream).1, "5");
    assert_eq!((server.count(), server.requests().len()), (1, 0));
}

#[test]
fn dropping_the_server_closes_connections_at_once() {
    let server = Server::start(|_| Reply::hang());
    let mut stream = connect(&server);
    send(&mut stream, "/", "{}");
    assert!(server.wait_for(1, LONG));
    let port = server.port();
    let begun = Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(read_to_end(&mut stream), "");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
#[should_panic(expected = "the script panicked at request 0: never asked for /odd")]
fn a_panic_of_the_script_fails_the_test() {
    let server = Server::start(|request| panic!("never asked for {}", request.path));
    let mut stream = connect(&server);
    send(&mut stream, "/odd", "{}");
    assert!(read_reply(&mut stream).0.contains("500"));
}

#[test]
#[should_panic(expected = "request 0 has no valid reply")]
fn a_header_that_http_forbids_fails_the_test() {
    let server = Server::start(|_| Reply::text(200, "").header("two words", "x"));
    let mut stream = connect(&server);
    send(&mut stream, "/", "{}");
    assert_eq!(read_to_end(&mut stream), "");
}
