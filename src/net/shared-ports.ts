// Whether several threads and processes can listen on one port and share its connections (SO_REUSEPORT with balancing).
// Elsewhere libuv refuses the option (uv_tcp_bind, UV_TCP_REUSEPORT), and a port belongs to one listener.

const platforms: readonly NodeJS.Platform[] = ['linux', 'freebsd', 'sunos', 'aix'];

export const canSharePorts = platforms.includes(process.platform);
