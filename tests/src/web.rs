//! A web server of the tests' own: it answers as a test's closure says, byte by byte where that matters, and remembers who
//! came. It binds to loopback only, on a port that the system chooses.

use socket2::SockRef;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which connection it came on, counted from 1.
    pub connection: usize,
    /// GET, POST, …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// As many bytes as content-length said.
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

enum Step {
    Send(Vec<u8>),
    Flood(Vec<u8>),
    Pause(Duration),
    Hang,
    Close,
}

/// What the server does with one request, step by step. Without a last step that says otherwise it waits for the next request.
#[derive(Default)]
pub struct Reply {
    steps: Vec<Step>,
}

impl Reply {
    /// Exactly these bytes.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Reply {
        Reply::default().then(bytes)
    }

    /// A whole reply; `head` is its status and further header lines, such as `"302 Found\r\nlocation: /"`.
    pub fn with(head: &str, body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
        Reply::raw([head.as_bytes(), body].concat())
    }

    /// 200 with this text.
    pub fn text(body: &str) -> Reply {
        Reply::with("200 OK\r\ncontent-type: text/plain", body)
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Reply {
        Reply::with(&format!("{status} Elsewhere\r\nlocation: {location}"), "")
    }

    /// Says nothing, ever.
    pub fn silence() -> Reply {
        Reply::default().then_hang()
    }

    /// Further bytes.
    pub fn then(mut self, bytes: impl AsRef<[u8]>) -> Reply {
        self.steps.push(Step::Send(bytes.as_ref().to_vec()));
        self
    }

    /// A pause.
    pub fn then_pause(mut self, pause: Duration) -> Reply {
        self.steps.push(Step::Pause(pause));
        self
    }

    /// Then nothing more, and the connection stays open until the client leaves.
    pub fn then_hang(mut self) -> Reply {
        self.steps.push(Step::Hang);
        self
    }

    /// Then these bytes again and again, until the client leaves.
    pub fn then_flood(mut self, bytes: impl AsRef<[u8]>) -> Reply {
        self.steps.push(Step::Flood(bytes.as_ref().to_vec()));
        self
    }

    /// Then the connection is closed.
    pub fn then_close(mut self) -> Reply {
        self.steps.push(Step::Close);
        self
    }
}

#[derive(Default)]
struct Visits {
    connections: AtomicUsize,
    open: AtomicUsize,
    requests: Mutex<Vec<Request>>,
}

type Handler = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;
/// What stands between the connection and HTTP: nothing, or TLS.
pub(crate) type Wrap = Arc<dyn Fn(TcpStream) -> Box<dyn Wire> + Send + Sync>;

/// A connection that HTTP is spoken on.
pub(crate) trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A running server. Its threads end with the test process.
pub struct Web {
    address: SocketAddr,
    scheme: &'static str,
    visits: Arc<Visits>,
}

impl Web {
    /// A server on 127.0.0.1.
    pub fn new(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Web {
        Web::at(Ipv4Addr::LOCALHOST, 0, handler).expect("the system has a port left")
    }

    /// A server on an address of its own (127.0.0.0/8, ::1); with port 0 the system chooses one.
    ///
    /// # Errors
    /// The port is taken there.
    pub fn at(
        address: impl Into<IpAddr>,
        port: u16,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> std::io::Result<Web> {
        let listener = TcpListener::bind((address.into(), port))?;
        Ok(Web::serve(listener, "http", Arc::new(|stream| Box::new(stream)), Arc::new(handler)))
    }

    /// Two servers on one port, at these addresses.
    pub fn pair(
        addresses: [IpAddr; 2],
        handler: impl Fn(&Request) -> Reply + Send + Sync + Clone + 'static,
    ) -> [Web; 2] {
        let attempts = (0..50).filter_map(|_| {
            let first = Web::at(addresses[0], 0, handler.clone()).ok()?;
            let second = Web::at(addresses[1], first.port(), handler.clone()).ok()?;
            Some([first, second])
        });
        attempts.into_iter().next().expect("a port that is free at both addresses")
    }

    /// One that takes connections, and what is sent, and never says a word.
    pub fn deaf() -> Web {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a port left");
        Web::serve(
            listener,
            "https",
            Arc::new(|stream| Box::new(Deaf { stream, pause: Duration::ZERO })),
            Arc::new(|_| Reply::silence()),
        )
    }

    /// The same for http, so slow that whoever sends megabytes (8, say) has to wait for it.
    pub fn sluggish() -> Web {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a port left");
        SockRef::from(&listener).set_recv_buffer_size(1 << 16).expect("a small buffer");
        let pause = Duration::from_millis(5);
        Web::serve(
            listener,
            "http",
            Arc::new(move |stream| Box::new(Deaf { stream, pause })),
            Arc::new(|_| Reply::silence()),
        )
    }

    pub(crate) fn serve(listener: TcpListener, scheme: &'static str, wrap: Wrap, handler: Handler) -> Web {
        let address = listener.local_addr().expect("it is bound");
        let visits = Arc::new(Visits::default());
        let seen = Arc::clone(&visits);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = seen.connections.fetch_add(1, Ordering::SeqCst) + 1;
                seen.open.fetch_add(1, Ordering::SeqCst);
                let (seen, wrap, handler) = (Arc::clone(&seen), Arc::clone(&wrap), Arc::clone(&handler));
                thread::spawn(move || {
                    let _ = stream.set_nodelay(true);
                    // An error is a client that left.
                    let _ = converse(wrap(stream), number, &seen, &handler);
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Web { address, scheme, visits }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `scheme://address:port`.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The same under another name for its host.
    pub fn origin_as(&self, host: &str) -> String {
        format!("{}://{host}:{}", self.scheme, self.port())
    }

    /// URL of a path that begins with `/`.
    pub fn url(&self, path: &str) -> String {
        self.origin() + path
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> usize {
        self.visits.connections.load(Ordering::SeqCst)
    }

    /// How many of them are open now.
    pub fn open(&self) -> usize {
        self.visits.open.load(Ordering::SeqCst)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.visits.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The last request.
    pub fn last(&self) -> Request {
        self.requests().pop().expect("somebody asked")
    }
}

fn converse(wire: Box<dyn Wire>, connection: usize, visits: &Visits, handler: &Handler) -> std::io::Result<()> {
    let mut wire = BufReader::new(wire);
    while let Some(request) = read_request(&mut wire, connection)? {
        visits.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        for step in handler(&request).steps {
            let out = wire.get_mut();
            match step {
                Step::Send(bytes) => {
                    out.write_all(&bytes)?;
                    out.flush()?;
                }
                Step::Flood(bytes) => loop {
                    out.write_all(&bytes)?;
                },
                Step::Pause(pause) => thread::sleep(pause),
                Step::Hang => {
                    std::io::copy(&mut wire, &mut std::io::sink())?;
                    return Ok(());
                }
                Step::Close => return Ok(()),
            }
        }
    }
    Ok(())
}

/// The next request, or nothing when the client left between two.
fn read_request(wire: &mut impl BufRead, connection: usize) -> std::io::Result<Option<Request>> {
    let Some(first) = read_line(wire)? else { return Ok(None) };
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    while let Some(line) = read_line(wire)?.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { connection, method, target, headers, body: Vec::new() };
    let size = request.header("content-length").and_then(|size| size.parse().ok()).unwrap_or(0);
    request.body.resize(size, 0);
    wire.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn read_line(wire: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    wire.read_until(b'\n', &mut line)?;
    let ended = line.ends_with(b"\n");
    Ok(ended.then(|| String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
}

/// A connection that is open and gives nothing; it ends when the client leaves.
struct Deaf {
    stream: TcpStream,
    /// How long it waits after each 16 kB.
    pause: Duration,
}

impl Read for Deaf {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        let mut taken = [0; 16 << 10];
        while self.stream.read(&mut taken)? > 0 {
            thread::sleep(self.pause);
        }
        Ok(0)
    }
}

impl Write for Deaf {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
