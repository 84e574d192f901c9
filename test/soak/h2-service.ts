// A service in a process of its own, which answers every request at once. Argument: its port.
import { createServer } from 'node:net';

createServer((socket) => {
  socket.on('error', () => {});
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      text = text.slice(end + 4);
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"ok":true}');
    }
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
