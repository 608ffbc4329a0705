"""A mail with the file, or with a link to it, over SMTP (RFC 5321), in a thread of its own."""

from __future__ import annotations

import asyncio
import mimetypes
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import parseaddr

from graph.config import MailSettings
from graph.engine.deliver.message import Message, Undelivered
from graph.privacy import redact


def allowed(address: str, settings: MailSettings) -> bool:
    """The address is in one of the domains that mails may go to"""
    domain = address.rpartition("@")[2].casefold()
    return domain in {one.casefold() for one in settings.domains}


async def send(to: str, message: Message, settings: MailSettings, *, attach: bool) -> None:
    """Undelivered where the server did not take it"""
    mail = written(to, message, settings, attach=attach)
    await asyncio.to_thread(_send, mail, to, settings)


def written(to: str, message: Message, settings: MailSettings, *, attach: bool) -> EmailMessage:
    """The mail as it goes out"""
    mail = EmailMessage()
    mail["From"] = settings.sender
    mail["To"] = to
    state = "" if message.complete else " (incomplete)"
    mail["Subject"] = _one_line(f"{message.name}{state}")
    host = parseaddr(settings.sender)[1].rpartition("@")[2] or "localhost"
    mail["Message-ID"] = f"<{message.id}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers it
    fits = message.size_bytes <= settings.attachment_mb * 1_000_000
    mail.set_content("\n".join(_lines(message, attached=attach and fits, wanted=attach)))
    if attach and fits:
        kind = mimetypes.guess_type(message.file_name)[0] or "application/octet-stream"
        main, _, sub = kind.partition("/")
        mail.add_attachment(
            message.path.read_bytes(), maintype=main, subtype=sub, filename=message.file_name
        )
    return mail


def _lines(message: Message, *, attached: bool, wanted: bool) -> list[str]:
    zone = message.time_zone
    since, until = (one.isoformat(sep=" ") for one in (message.since, message.until))
    lines = [
        f"{message.name}",
        "",
        f"Calls from {since} to {until} ({zone}).",
        f"{message.entries:,} entries were read.",
    ]
    if message.complete:
        lines.append("It is complete: every phone system gave all it should have.")
    else:
        lines.append(f"It is INCOMPLETE: something is missing of {', '.join(message.missing)}.")
    lines.append("")
    if attached:
        lines.append(f"The file is attached: {message.file_name}")
    elif wanted:
        lines.append(f"The file is too large for a mail ({message.size_bytes:,} bytes).")
    if not attached:
        lines.append(message.link or f"It can be downloaded from the server: {message.file_path}")
    if not attached and message.sign_in:
        lines += [
            "",
            "The server asks who you are: send a token of yours (Authorization: Bearer …), or ask",
            "the API for an address that a browser opens, for five minutes:",
            f'{{ completedCallReport(id: "{message.file_id}") {{ fileUrl }} }}',
        ]
    return lines


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _send(mail: EmailMessage, to: str, settings: MailSettings) -> None:
    timeout = settings.timeout_ms / 1000
    context = ssl.create_default_context()
    try:
        connected: smtplib.SMTP
        if settings.security == "tls":
            connected = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=timeout, context=context
            )
        else:
            connected = smtplib.SMTP(settings.host, settings.port, timeout=timeout)
        with connected as server:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.username is not None and settings.password is not None:
                server.login(settings.username, settings.password.reveal())
            server.send_message(mail, to_addrs=[to])
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise Undelivered(_said(code, said), may_help=400 <= code < 500) from None
    except smtplib.SMTPResponseException as error:
        permanent = error.smtp_code >= 500
        raise Undelivered(
            _said(error.smtp_code, error.smtp_error), may_help=not permanent
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise Undelivered(
            f"the mail server could not be reached ({type(error).__name__})", may_help=True
        ) from None


def _said(code: int, text: bytes | str) -> str:
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    return redact(_one_line(f"the mail server refused it: {code} {plain}"))[:300]
