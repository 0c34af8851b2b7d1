//! A node in virtual time for real clients of this machine, at the speed of a real clock, or many times as fast:
//!
//! `cargo run -p kelpgate-simulator --example loopback -- 127.0.0.1:9092 10`
//!
//! With 10 as above a session timeout of 30 s is over in 3.

use std::error::Error;
use std::time::{Duration, Instant};

use kelpgate_simulator::server::{Loopback, ServerOptions, TestServer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:9092".into());
    let times: u32 = arguments.next().unwrap_or("1".into()).parse()?;
    let mut loopback = Loopback::bind(&address)?;
    let at = loopback.address()?;
    let advertised = (at.ip().to_string(), i32::from(at.port()));
    let mut server = TestServer::start(ServerOptions { advertised, ..ServerOptions::default() })?;
    println!("listening on {at}, {times} times as fast as a clock");
    let mut before = Instant::now();
    loop {
        let passed = before.elapsed();
        before = Instant::now();
        loopback.pump(&mut server, passed * times)?;
        std::thread::sleep(Duration::from_micros(200));
    }
}
