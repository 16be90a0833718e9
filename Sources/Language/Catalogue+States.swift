extension Catalogue {
  /// doctor --explain.
  static let states: [String: String] = [
    "A server waits for connections.": "服务端在等待连接。",
    "listen() on a socket that is bound to a port.": "对已绑定端口的套接字调用 listen()。",
    "The process that has the listening socket; after fork() several.":
      "持有监听套接字的进程；fork() 之后可能有多个。",
    "The last descriptor is closed. Connections that wait in its queue are reset then.":
      "最后一个文件描述符被关闭。此时还在其队列中等待的连接会被复位 (RST)。",
    "an accept() loop that nothing blocks: Recv-Q of ss -ltn is how many connections wait, Send-Q how many may":
      "让 accept() 循环不被阻塞：ss -ltn 的 Recv-Q 是正在排队的连接数，Send-Q 是排队上限",
    "a larger backlog in listen(), and net.core.somaxconn no smaller":
      "调大 listen() 的 backlog，且 net.core.somaxconn 不小于它",
    "tcp_max_syn_backlog, when it is the accept queue that is full":
      "tcp_max_syn_backlog：如果满的是全连接队列",
    "A client has sent its SYN and has no answer yet.": "客户端已发出 SYN，尚未收到应答。",
    "The process that called connect(); but what is wrong is on the way, or at the server.":
      "调用 connect() 的进程；但问题出在路径上或服务端。",
    "The answer comes (ESTABLISHED), a reset comes (ECONNREFUSED), or the retries are over (ETIMEDOUT).":
      "收到应答 (ESTABLISHED)，收到 RST (ECONNREFUSED)，或重试次数用尽 (ETIMEDOUT)。",
    "find out who drops the SYN: a firewall, a wrong address, a server whose accept queue is full":
      "查清谁丢了 SYN：防火墙、地址错误，或服务端全连接队列已满",
    "tcp_syn_retries, lower, makes connect() fail earlier; a time limit in the program does so too":
      "调小 tcp_syn_retries，让 connect() 更早失败；在程序中设超时也可以",
    "tcp_tw_reuse: a local port was found already": "tcp_tw_reuse：本地端口已经分配到了",
    "A server has answered a SYN and waits for the last packet of the handshake.":
      "服务端已应答 SYN，在等握手的最后一个包。",
    "A SYN comes for a listening port. No process has a part in it yet.": "监听端口收到 SYN。此时还没有进程参与。",
    "The client, or whoever sends in its name. Many at once are a flood, or a server that accepts too slowly.":
      "客户端，或冒用其地址的发送者。同时大量出现则是 SYN flood，或服务端 accept 太慢。",
    "The last packet comes (ESTABLISHED, in the accept queue), or the retries are over.":
      "收到最后一个包（ESTABLISHED，进入全连接队列），或重试次数用尽。",
    "tcp_syncookies=1, the default: a full queue refuses nobody then":
      "tcp_syncookies=1（默认）：队列满时也不会拒绝任何人",
    "tcp_max_syn_backlog with net.core.somaxconn and the backlog of listen(), for honest bursts":
      "调大 tcp_max_syn_backlog，连同 net.core.somaxconn 和 listen() 的 backlog，用于应对正常的突发流量",
    "tcp_synack_retries, lower: those who never answer are forgotten earlier":
      "调小 tcp_synack_retries：更早清除从不应答的客户端",
    "The connection is open in both directions.": "连接双向打开。",
    "The handshake is over. At a server the connection may still wait for accept().":
      "握手完成。在服务端，连接可能还在等 accept()。",
    "The process that has the socket; before accept() the one with the listener.":
      "持有该套接字的进程；accept() 之前是持有监听套接字的进程。",
    "One end closes (FIN_WAIT1 there, CLOSE_WAIT here), or a reset ends it.":
      "其中一端关闭（那端 FIN_WAIT1，这端 CLOSE_WAIT），或被 RST 终止。",
    "SO_KEEPALIVE, where the peer may have vanished: without it an idle connection stays for ever":
      "SO_KEEPALIVE：用于对端可能已消失的情况；不设置的话空闲连接会永远存在",
    "TCP_USER_TIMEOUT, where data may stay unanswered": "TCP_USER_TIMEOUT：用于数据可能得不到确认的情况",
    "tcp_keepalive_time without SO_KEEPALIVE: the program must ask for it":
      "只设 tcp_keepalive_time 而没有 SO_KEEPALIVE：需由程序自己开启",
    "This end has sent its FIN, or has data to send before it, and it is not acknowledged yet.":
      "本端已发出 FIN（或 FIN 前还有数据待发），尚未得到确认。",
    "close(), shutdown() or the end of the process, on this end first.":
      "本端先 close()、shutdown() 或进程退出。",
    "The process on this end that closed. If it lasts: the peer takes no data, or does not answer.":
      "本端执行关闭的进程。若长期停留：对端不收数据，或没有应答。",
    "The FIN is acknowledged (FIN_WAIT2), the peer's FIN comes first (CLOSING), or the retries are over.":
      "FIN 得到确认 (FIN_WAIT2)，对端的 FIN 先到 (CLOSING)，或重试次数用尽。",
    "look at the peer: a window of 0 is an application that does not read":
      "检查对端：窗口为 0 说明应用程序没有在读",
    "tcp_orphan_retries, lower, for peers that are gone; tcp_max_orphans bounds them all":
      "调小 tcp_orphan_retries，应对已消失的对端；tcp_max_orphans 限制总数",
    "tcp_fin_timeout: it begins with FIN_WAIT2": "tcp_fin_timeout：从 FIN_WAIT2 才开始计时",
    "This end has closed, the peer knows, and the peer has not closed.": "本端已关闭，对端已知晓，但对端尚未关闭。",
    "The peer acknowledges this end's FIN.": "对端确认了本端的 FIN。",
    "The peer: it holds a CLOSE_WAIT, and its process does not close.":
      "对端：它处于 CLOSE_WAIT，其进程没有关闭连接。",
    "The peer's FIN comes (TIME_WAIT). If the socket is closed: after tcp_fin_timeout. If it is only shut down: never by itself.":
      "收到对端的 FIN (TIME_WAIT)。套接字已 close()：等到 tcp_fin_timeout 之后。仅 shutdown()：永远不会自行结束。",
    "tcplinger leaks on the peer's host: it names the process that does not close":
      "在对端主机上运行 tcplinger leaks：它会指出没有关闭连接的进程",
    "tcp_fin_timeout, lower, for closed sockets; TCP_LINGER2 for one socket":
      "调小 tcp_fin_timeout，用于已 close() 的套接字；单个套接字用 TCP_LINGER2",
    "tcp_fin_timeout for a socket that is only shut down": "tcp_fin_timeout 对仅 shutdown() 的套接字",
    "The peer has closed and this end has not.": "对端已关闭，本端尚未关闭。",
    "The peer's FIN comes. No process here has a part in it.": "收到对端的 FIN。本机没有进程参与。",
    "The process here that has the socket open: it must close it. Before accept() the one with the listener.":
      "本机上打开该套接字的进程：必须由它关闭。accept() 之前是持有监听套接字的进程。",
    "This end closes (LAST_ACK), its process ends, or a reset comes. It has no time limit.":
      "本端关闭 (LAST_ACK)、进程退出，或收到 RST。没有时间限制。",
    "tcplinger leaks: the process, its descriptors, and how far it has read":
      "tcplinger leaks：显示进程、其文件描述符，以及读到了哪里",
    "mend the program: read until the end of file, and close() then, on every path":
      "修复程序：读到文件结束 (EOF) 后，在每条路径上都调用 close()",
    "restart the process, to have the descriptors back until it is mended": "重启进程，先收回文件描述符，直到修好程序",
    "tcp_fin_timeout, tcp_tw_reuse, tcp_max_tw_buckets: they are about other states":
      "tcp_fin_timeout、tcp_tw_reuse、tcp_max_tw_buckets：针对的是其他状态",
    "tcp_keepalive_time: the peer's kernel still answers": "tcp_keepalive_time：对端的内核仍会应答",
    "Both ends have closed at the same moment, and this end's FIN is not acknowledged yet.":
      "两端同时关闭，本端的 FIN 尚未得到确认。",
    "The peer's FIN comes in FIN_WAIT1.": "在 FIN_WAIT1 时收到对端的 FIN。",
    "Nobody in particular: both closed.": "没有特定的一方：两端都关闭了。",
    "The acknowledgement comes (TIME_WAIT, at both ends).": "收到确认（两端都进入 TIME_WAIT）。",
    "nothing is needed; if many stay, packets are lost on the way": "无需处理；若大量停留，说明路径上丢包",
    "tcp_fin_timeout: it is about FIN_WAIT2": "tcp_fin_timeout：针对的是 FIN_WAIT2",
    "The peer closed first, this end has closed now, and its FIN is not acknowledged yet.":
      "对端主动关闭，本端现在也已关闭，其 FIN 尚未得到确认。",
    "close(), shutdown() or the end of the process in CLOSE_WAIT.":
      "在 CLOSE_WAIT 中调用 close()、shutdown() 或进程退出。",
    "The process has done its part. If it lasts: the peer does not answer.": "进程已尽责。若长期停留：对端没有应答。",
    "The acknowledgement comes, and nothing is left: no TIME_WAIT at this end. Or the retries are over.":
      "收到确认，一切结束：本端没有 TIME_WAIT。或重试次数用尽。",
    "tcp_orphan_retries, lower, for peers that are gone": "调小 tcp_orphan_retries，应对已消失的对端",
    "The connection is over; its addresses and ports are kept for 60 s, so that a late packet meets no other.":
      "连接已结束；其地址和端口保留 60 秒，避免迟到的包落到别的连接上。",
    "This end sent the first FIN, and the peer's has come. In a simultaneous close both ends get here.":
      "本端先发出 FIN，对端的 FIN 也已收到。同时关闭时两端都会到此。",
    "The process that closed first. It is gone from the socket: tcplinger trace names it as it happens.":
      "主动关闭的进程。它已不再关联该套接字：tcplinger trace 在关闭发生时就会指出它。",
    "After 60 s, a constant of the kernel; earlier if connect() reuses the port (tcp_tw_reuse), or a new SYN of the same client comes.":
      "60 秒后，这是内核常量；如果 connect() 复用该端口 (tcp_tw_reuse)，或同一客户端发来新的 SYN，则更早。",
    "fewer connections: a pool, HTTP keep-alive": "减少连接：连接池、HTTP 长连接 (keep-alive)",
    "the other end closes first: the TIME_WAIT is there then": "让另一端主动关闭：TIME_WAIT 就会落在那端",
    "a client that runs out of ports: more addresses, tcp_tw_reuse=1 with timestamps, a wider ip_local_port_range":
      "客户端端口耗尽：增加地址，tcp_tw_reuse=1 并启用时间戳，扩大 ip_local_port_range",
    "tcplinger doctor says how full the ports are, and what fits":
      "tcplinger doctor 会显示端口占用程度以及合适的方案",
    "tcp_tw_reuse for a server: it is for outgoing connections only":
      "在服务端用 tcp_tw_reuse：它只对出向连接有效",
    "tcp_max_tw_buckets, lowered: it takes the protection away, and mends nothing":
      "调小 tcp_max_tw_buckets：失去保护，却什么也解决不了",
    "tcp_tw_recycle: gone since Linux 4.12; it broke clients behind NAT":
      "tcp_tw_recycle：Linux 4.12 起已移除；它曾导致 NAT 后的客户端出故障",
    "SO_LINGER with 0: a reset, which can lose data": "SO_LINGER 设为 0：会发 RST，可能丢数据",
    "No connection: a socket that is not connected yet, or not any more.": "没有连接：套接字尚未连接，或已不再连接。",
    "socket(), a reset, or the end of a connection.": "socket()、RST，或连接结束。",
    "The process that has the socket, if one has.": "持有该套接字的进程（如果有）。",
    "connect(), listen() or close().": "connect()、listen() 或 close()。",
    "close() what is not used: a reset connection keeps its descriptor until then":
      "不用的套接字要 close()：连接被复位 (RST) 后仍占着文件描述符，直到 close()",
    "not used: {0}": "未使用：{0}",
  ]
}
