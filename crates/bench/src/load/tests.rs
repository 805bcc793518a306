use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// How long the server below stops answering, once.
const STALL: Duration = Duration::from_millis(400);

/// Answers everything at once, but for one stall that holds all connections up.
async fn stalling_server(stall_at: u64) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (answered, stall) = (Arc::new(AtomicU64::new(0)), Arc::new(tokio::sync::RwLock::new(())));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answered, stall) = (Arc::clone(&answered), Arc::clone(&stall));
            tokio::spawn(async move {
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    if answered.fetch_add(1, Ordering::Relaxed) == stall_at {
                        let _held = stall.write().await;
                        Clock::default().sleep(STALL).await;
                    }
                    let _passing = stall.read().await;
                    let sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                    if sent.is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

fn asks() -> Arc<dyn Work> {
    Arc::new(Asks { request: |_| http::get("/", None), status: 200 })
}

#[tokio::test]
async fn a_stall_shows_in_every_request_that_was_due_meanwhile() {
    let address = stalling_server(250).await;
    // Few connections: most requests of the stall cannot even be sent in it, and still count from when they were due.
    let plan = Open { arrivals: Arrivals::Even, rate: 500.0, seconds: 2.0, connections: 4 };
    let outcome = open(&Clock::default(), address, plan, asks()).await;
    assert_eq!((outcome.count(), outcome.failed()), (1_000, 0));
    // 400 ms of 2 s: a fifth of all requests waited, on average for half of it.
    assert!(outcome.ms(50.0) < 50.0, "the median knows nothing of it: {}", outcome.ms(50.0));
    assert!(outcome.ms(85.0) > 50.0, "{}", outcome.ms(85.0));
    assert!(outcome.ms(99.0) > 300.0, "{}", outcome.ms(99.0));
    // It began at 0.5 s, so it is over before the second second, unless the machine stalls as well.
    assert!(outcome.slowest_ms[0] > 300.0, "{:?}", outcome.slowest_ms);
    assert_eq!(outcome.slowest_ms.len(), 2);
    assert!(outcome.seconds_slower_than(300.0) >= 1);
}

#[tokio::test]
async fn a_closed_loop_hides_the_same_stall() {
    let address = stalling_server(250).await;
    let outcome = closed(&Clock::default(), address, 4, 1.0, asks()).await;
    assert!(outcome.count() > 250, "it was reached");
    assert!(outcome.ms(99.0) < 300.0, "only four requests saw it: {}", outcome.ms(99.0));
}

#[tokio::test]
async fn what_no_connection_is_free_for_is_a_failure_when_too_many_wait() {
    let address = stalling_server(0).await;
    let plan = Open { arrivals: Arrivals::Even, rate: 100_000.0, seconds: 0.3, connections: 1 };
    let outcome = open(&Clock::default(), address, plan, asks()).await;
    let overflow = outcome.failures.get("overflow").copied().unwrap_or(0);
    assert!(overflow > 1_000, "{:?}", outcome.failures);
    assert_eq!(outcome.count() + outcome.failed(), 30_000);
}

#[tokio::test]
async fn answers_other_than_expected_are_failures_by_their_status() {
    let address = stalling_server(u64::MAX).await;
    let work = Arc::new(Asks { request: |_| http::get("/", None), status: 201 });
    let plan = Open { arrivals: Arrivals::Even, rate: 1_000.0, seconds: 0.05, connections: 4 };
    let outcome = open(&Clock::default(), address, plan, work).await;
    assert_eq!((outcome.count(), outcome.failures.get("200")), (0, Some(&50)));
}
