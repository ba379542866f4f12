"""What each command does: one function each by subject, and here the tables that find it.

A handler contains its subject only: guards were passed, errors are raised as :class:`ChatError`, nothing is
written to a connection. Those in :data:`REPLIES` return their reply; those in :data:`DIRECT` belong to
pipelined commands and the hot path, and answer by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from chatproto import commands
from chatproto.commands import Command
from chatproto.events import Reply
from chatproto.realm.handlers import (
    administration,
    files,
    groups,
    links,
    live,
    messages,
    older,
    originals,
    people,
    realms,
    rooms,
    sessions,
    storage,
    tipe,
    tracing,
)
from chatproto.realm.sending import Answer

if TYPE_CHECKING:
    from chatproto.realm.session import ClientSession, Waiting

#: Commands whose handler returns the reply.
REPLIES: dict[type[Command], Callable[[ClientSession, Any, Any], Coroutine[Any, Any, Reply]]] = {
    commands.Hello: sessions.hello,
    commands.Register: sessions.register,
    commands.Login: sessions.login_,
    commands.Resume: sessions.resume,
    commands.Logout: sessions.logout,
    commands.Sessions: sessions.sessions,
    commands.Revoke: sessions.revoke,
    commands.NewPassword: sessions.new_password,
    commands.DeleteAccount: sessions.delete_account,
    commands.History: messages.history,
    commands.Conversations: messages.conversations,
    commands.Upload: files.upload,
    commands.Cancel: files.cancel,
    commands.Uploads: files.uploads,
    commands.About: files.about,
    commands.Create: groups.create,
    commands.Join: groups.join,
    commands.Leave: groups.leave,
    commands.Members: groups.members,
    commands.Groups: groups.groups,
    commands.Group: groups.group,
    commands.Invite: groups.invite,
    commands.Kick: groups.kick,
    commands.SetTopic: groups.set_topic,
    commands.SetRole: groups.set_role,
    commands.Transfer: groups.transfer,
    commands.Configure: groups.configure,
    commands.DeleteGroup: groups.delete,
    commands.Live: live.live,
    commands.Active: people.active,
    commands.Block: people.block,
    commands.Unblock: people.unblock,
    commands.Blocks: people.blocks,
    commands.Inbox: older.inbox,
    commands.InboxGroup: older.inbox_group,
    commands.ReceiveFile: older.receive_file,
    commands.Info: older.info,
    commands.ExitGroup: live.exit_group,
    commands.AddRealm: realms.add_realm,
    commands.RealmInbox: realms.inbox,
    commands.RecvRealm: originals.recv_realm,
    commands.RecvRealmText: originals.recv_text,
    commands.RecvRealmGroupText: originals.recv_group_text,
    commands.RecvRealmFile: originals.recv_file,
    commands.RecvRealmGroupFile: originals.recv_group_file,
    commands.GetRealmChat: originals.get_realm_chat,
    commands.ServerSend: originals.server_send,
    commands.PickUp: tipe.pick_up,
    commands.RegisterAt: tipe.register_at,
    commands.Say: live.say,
    commands.UserAdd: administration.user_add,
    commands.UserPasswd: administration.user_passwd,
    commands.UserDelete: administration.user_delete,
    commands.UserList: administration.user_list,
    commands.SessionList: administration.session_list,
    commands.SessionRevoke: administration.session_revoke,
    commands.InviteAdd: administration.invite_add,
    commands.InviteList: administration.invite_list,
    commands.InviteRevoke: administration.invite_revoke,
    commands.GroupList: administration.group_list,
    commands.GroupShow: administration.group_show,
    commands.GroupKick: administration.group_kick,
    commands.GroupTransfer: administration.group_transfer,
    commands.GroupDelete: administration.group_delete,
    commands.FilesList: storage.files_list,
    commands.FilesExport: storage.files_export,
    commands.FilesGc: storage.files_gc,
    commands.RealmKey: links.key,
    commands.RealmList: links.list_,
    commands.RealmAdd: links.add,
    commands.RealmApprove: links.approve,
    commands.RealmRetry: links.retry,
    commands.RealmPark: links.park,
    commands.RealmBlock: links.block,
    commands.RealmDrop: links.drop,
    commands.RealmQueue: links.queue,
    commands.RealmDeadLetters: links.dead_letters,
    commands.Trace: tracing.trace,
    commands.AuditPrune: tracing.audit_prune,
}

#: Commands whose handler answers by itself.
DIRECT: dict[type[Command], Callable[[ClientSession, Any, Any, Answer], Waiting | None]] = {
    commands.Send: messages.send,
    commands.SendGroup: messages.send_group,
    commands.Chunk: files.chunk,
    commands.Finish: files.finish,
    commands.Download: files.download,
    commands.Listen: messages.listen,
    commands.SendFile: older.send_file,
    commands.SendGroupFile: older.send_group_file,
    commands.EnterGroup: live.enter_group,
    commands.SendRealm: realms.send,
    commands.SendGroupRealm: realms.send_group,
    commands.SendFileRealm: realms.send_file,
    commands.SendGroupFileRealm: realms.send_group_file,
    commands.EnterRoom: rooms.enter_room,
    commands.SignIn: tipe.sign_in,
    commands.As: tipe.as_,
    commands.CheckGroup: live.check_group,
    commands.Ack: messages.ack,
    commands.Read: messages.read,
    commands.Typing: messages.typing,
}
