//! When events fire, in the words of the systems' own documents, shortened.

use crate::dialect::Dialect;
use crate::event_type::EventType;

pub(super) const fn canonical(event_type: EventType) -> &'static str {
    match event_type {
        EventType::CredentialIssued => "A credential was issued to a recipient.",
        EventType::CredentialAccepted => "The recipient accepted (claimed) the credential.",
        EventType::CredentialDeclined => "The recipient declined the credential.",
        EventType::CredentialExpired => "The validity of the credential ended.",
        EventType::CredentialExpiring => {
            "The validity of the credential will end soon. No source system sends it."
        }
        EventType::CredentialRevoked => "The issuer took the credential back.",
        EventType::CredentialRenewed => "A new credential was issued that supersedes an older one.",
        EventType::ApplicationCreated => "An application for a certificate came into being.",
        EventType::ApplicationProcessing => {
            "The institution approved the application; the certificate is being made."
        }
        EventType::ApplicationRejected => "The institution rejected the application.",
        EventType::ApplicationFailed => "Making the certificate failed.",
        EventType::ApplicationRetried => {
            "Making the certificate was started again after a failure."
        }
        EventType::IssuanceBatchCompleted => "A bulk job of issuing credentials has ended.",
        EventType::RecipientRegistered => "A recipient with waiting certificates made an account.",
        EventType::EndpointFailing => {
            "A delivery to the endpoint was given up, the first since one last succeeded."
        }
        EventType::EndpointDisabled => {
            "The endpoint was disabled: by its owner, because it answered 410, or because it failed for days. Its deliveries are held."
        }
        EventType::EndpointEnabled => {
            "The endpoint was enabled again. What was held meanwhile is sent when a replay is asked for."
        }
        EventType::DeliveryExhausted => {
            "Every attempt of a delivery failed. It is not attempted again unless that is asked for."
        }
        EventType::BillingAccessChanged => {
            "What the organization has paid for has changed, or has run out. It is sent whatever the access is: else nobody would hear that it is over."
        }
        EventType::WebhookTest => {
            "Somebody asked for a test of the endpoint: `POST /api/v1/endpoints/{id}/test`. It goes to that endpoint only, whatever it subscribes to and whichever dialect it reads."
        }
    }
}

pub(super) const fn native(dialect: Dialect, event_type: EventType) -> Option<&'static str> {
    use EventType as T;
    Some(match (dialect, event_type) {
        (Dialect::Thatsme, T::CredentialIssued) => {
            "A certificate is emitted to a recipient, by API or platform. It is pending until accepted: its URL and hash are null."
        }
        (Dialect::Thatsme, T::CredentialAccepted) => {
            "The recipient accepts the certificate, which is now on the public profile."
        }
        (Dialect::Thatsme, T::CredentialDeclined) => "The recipient declines the certificate.",
        (Dialect::Thatsme, T::CredentialExpired) => {
            "The certificate passes its expiration date, which is checked daily."
        }
        (Dialect::Thatsme, T::RecipientRegistered) => {
            "A recipient with pending certificates creates an account; they are added to the profile."
        }
        (Dialect::Toolzz, T::CredentialIssued) => {
            "A user who completed a course asks for the certificate by clicking \"View Certificate\". Completion alone fires nothing."
        }
        (Dialect::Vec, T::ApplicationCreated) => {
            "A customer submits a certificate, or an institution uploads one or many."
        }
        (Dialect::Vec, T::ApplicationProcessing) => {
            "An institution approves what a customer submitted."
        }
        (Dialect::Vec, T::CredentialIssued) => {
            "The certificate was processed and approved: it is issued."
        }
        (Dialect::Vec, T::ApplicationRejected) => {
            "An administrator rejects what a customer submitted."
        }
        (Dialect::Vec, T::ApplicationFailed) => "Processing met a critical error. It can repeat.",
        (Dialect::Vec, T::ApplicationRetried) => {
            "An administrator starts a failed application again. It can repeat."
        }
        (Dialect::Certdirectory, T::CredentialIssued) => {
            "A credential has just been issued, singly or in bulk."
        }
        (Dialect::Certdirectory, T::CredentialAccepted) => {
            "The recipient claimed the credential into an account."
        }
        (Dialect::Certdirectory, T::CredentialRevoked) => "The credential was revoked.",
        (Dialect::Certdirectory, T::CredentialExpired) => {
            "The credential crossed its expiration date."
        }
        (Dialect::Certdirectory, T::CredentialRenewed) => {
            "A new credential was issued that supersedes a prior one."
        }
        (Dialect::Certdirectory, T::IssuanceBatchCompleted) => "A bulk issuance job has finished.",
        (Dialect::Beedeez, T::CredentialIssued) => {
            "A user met all requirements of a certificate, or an administrator awarded it."
        }
        (Dialect::Beedeez, T::CredentialExpired) => {
            "The certificate reached its expiration date, found by a scheduled job."
        }
        _ => return None,
    })
}
