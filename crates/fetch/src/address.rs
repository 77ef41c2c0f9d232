//! Which addresses guests may reach: those of the public internet, and what the server's administrator lists besides.

use std::net::IpAddr;

use ipnet::IpNet;

/// What is not the public internet. IPv4: the IANA special-purpose registry, multicast, class E, and Azure's metadata
/// service, whose address looks public. (Other clouds' metadata services are link-local or shared address space.)
const DENIED_V4: [([u8; 4], u8); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// IPv6 is the other way round: global unicast only, without what carries IPv4 addresses in disguise (Teredo, 6to4)
/// and what is set aside (protocol assignments, documentation). NAT64, unique-local and link-local lie outside of it.
const PUBLIC_V6: (u128, u8) = (0x2000 << 112, 3);
const DENIED_V6: [(u128, u8); 5] = [
    (0x2001_0000 << 96, 23),
    (0x2001_0db8 << 96, 32),
    (0x2002 << 112, 16),
    (0x2620_004f_8000 << 80, 48),
    (0x3fff << 112, 20),
];

/// The networks that may be reached although they are not public.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads a list of CIDR blocks and addresses, separated by commas.
    ///
    /// # Errors
    /// The entry that is neither.
    pub fn parse(list: &str) -> Result<Self, String> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let network = |entry: &str| {
            let parsed = entry.parse().ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from));
            parsed.ok_or_else(|| entry.to_owned())
        };
        entries.map(network).collect::<Result<_, _>>().map(Self)
    }

    /// The address to connect to when this one may be reached: IPv4 in the clothes of IPv6 comes out as IPv4.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        (is_public(address) || self.0.iter().any(|network| network.contains(&address))).then_some(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let bits = address.to_bits();
            !DENIED_V4.iter().any(|(network, length)| (bits ^ u32::from_be_bytes(*network)) >> (32 - length) == 0)
        }
        IpAddr::V6(address) => {
            let lies_in = |&(network, length): &(u128, u8)| (address.to_bits() ^ network) >> (128 - length) == 0;
            lies_in(&PUBLIC_V6) && !DENIED_V6.iter().any(lies_in)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(networks: &str, address: &str) -> bool {
        Networks::parse(networks).unwrap().admit(address.parse().unwrap()).is_some()
    }

    #[test]
    fn public_addresses_are_admitted() {
        for address in
            ["1.1.1.1", "93.184.215.14", "172.32.0.1", "100.128.0.1", "168.63.129.17", "2606:4700::1111", "2a00::1"]
        {
            assert!(admitted("", address), "{address}");
        }
    }

    #[test]
    fn what_is_not_the_public_internet_is_not_admitted() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!admitted("", address), "{address}");
        }
    }

    #[test]
    fn a_listed_network_is_admitted_and_its_neighbour_is_not() {
        let listed = " 127.0.0.0/8,10.1.2.3 , fd00::/8";
        for address in ["127.0.0.1", "::ffff:127.9.9.9", "10.1.2.3", "fd00:ec2::254"] {
            assert!(admitted(listed, address), "{address}");
        }
        for address in ["10.1.2.4", "fc00::1", "::1", "169.254.169.254"] {
            assert!(!admitted(listed, address), "{address}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        assert_eq!(Networks::parse("10.0.0.0/8, localhost"), Err("localhost".to_owned()));
        assert_eq!(Networks::parse("10.0.0.0/33"), Err("10.0.0.0/33".to_owned()));
    }
}
